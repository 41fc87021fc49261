// Between `undefined` inside and nothing at all in JSON.

export type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** The same object without the fields that are undefined. */
export function present<T extends object>(value: T): Present<T> {
  // fromEntries forgets which fields it was given; the filter is exactly what Present says.
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Present<T>
}
