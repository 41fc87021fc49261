import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { judgePackages, parsePackageList } from '../../../server/doctor/packages.ts'

const list = parsePackageList(
  readFileSync(path.join(import.meta.dirname, '../../../config/debian-packages.txt'), 'utf8')
)

t.test('the list says of each package once what it is for', async (t) => {
  const names = list.map(({ name }) => name)
  t.strictSame(names, [...new Set(names)])
  for (const { purpose } of list) t.match(purpose, /^(serve|lab|test|bench)$/)
  t.match(list[0], { name: 'ipxe', purpose: 'serve', use: /iPXE/ })
})

t.test('what is missing comes with the line that brings it', async (t) => {
  const needed = list.filter(({ name }) => ['ipxe', 'zstd'].includes(name))
  t.match(judgePackages(needed, new Set(['zstd'])), [
    { subject: 'package ipxe', ok: false, mend: 'apt-get install -y --no-install-recommends ipxe' },
    { subject: 'package zstd', ok: true, mend: undefined }
  ])
  t.match(judgePackages(needed, undefined), [{ ok: false, mend: /ipxe zstd$/ }])
})
