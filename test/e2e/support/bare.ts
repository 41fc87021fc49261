// Imported first by the tests that boot no system, only firmware and loaders: nothing has to be built for them.
import { enter } from './enter.ts'

/** Nothing may be awaited before this: the other imports, tap among them, must not begin outside. */
enter()
