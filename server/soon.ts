// Values that are nearly always at hand. Each promise on the way costs a hop through a queue, and small answers are made
// of little else.

export type Soon<T> = T | Promise<T>

/** Goes on with a value: at once when it is at hand. */
export function whenThere<T, R>(value: Soon<T>, next: (value: T) => Soon<R>): Soon<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** As `try` and `catch`, for what fails at once and for what fails later. */
export function rescue<T>(run: () => Soon<T>, failed: (error: unknown) => T): Soon<T> {
  try {
    const value = run()
    return value instanceof Promise ? value.catch(failed) : value
  } catch (error) {
    return failed(error)
  }
}
