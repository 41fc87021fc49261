// What a foreign client wrote, against the original.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export function sameBytes(one: string, other: string): boolean {
  return sha256(one) === sha256(other)
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
