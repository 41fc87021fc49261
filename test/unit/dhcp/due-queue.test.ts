import t from 'tap'
import { DueQueue, type Queued } from '../../../server/dhcp/due-queue.ts'

interface Entry extends Queued<Entry> {
  readonly name: string
}

const entry = (name: string): Entry => ({ name, queue: undefined, before: undefined, after: undefined })

function drained(queue: DueQueue<Entry>): string {
  const names: string[] = []
  for (let first = queue.first; first; first = queue.first) {
    names.push(first.name)
    queue.remove(first)
  }
  return names.join('')
}

function filled(queue: DueQueue<Entry>): [Entry, Entry, Entry] {
  const all: [Entry, Entry, Entry] = [entry('a'), entry('b'), entry('c')]
  for (const one of all) queue.push(one)
  return all
}

t.test('entries leave in the order in which they joined', async (t) => {
  const queue = new DueQueue<Entry>()
  filled(queue)
  t.equal(queue.size, 3)
  t.equal(drained(queue), 'abc')
  t.equal(queue.size, 0)
})

t.test('an entry that joins again goes to the end, wherever it was', async (t) => {
  for (const [index, want] of [
    [0, 'bca'],
    [1, 'acb'],
    [2, 'abc']
  ] as const) {
    const queue = new DueQueue<Entry>()
    queue.push(filled(queue)[index])
    t.equal(drained(queue), want)
  }
})

t.test('an entry leaves one queue when it joins another', async (t) => {
  const one = new DueQueue<Entry>()
  const other = new DueQueue<Entry>()
  const [, b] = filled(one)
  other.push(b)
  one.remove(b)
  t.same([drained(one), drained(other)], ['ac', 'b'])
})
