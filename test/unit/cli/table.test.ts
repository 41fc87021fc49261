import t from 'tap'
import { formatFields, formatTable } from '../../../server/cli/table.ts'

const columns = [
  { title: 'name', value: (row: { name: string }) => row.name },
  { title: 'size', value: (row: { size?: number }) => row.size, align: 'right' as const }
]

t.test('columns are as wide as what stands in them', async (t) => {
  const rows = [{ name: 'a', size: 12345 }, { name: 'longer' }]
  t.equal(formatTable(rows, columns), 'NAME     SIZE\na       12345\nlonger      -')
  t.match(formatTable(rows, columns, true), '\u001b[1mNAME     SIZE\u001b[22m\n')
})

t.test('fields that are not there are left out', async (t) => {
  t.equal(formatFields({ mac: 'x', group: undefined, address: 'y' }), 'mac      x\naddress  y')
})
