import t from 'tap'
import { startBench } from '../../support/cli.ts'

t.test('tokens', async (t) => {
  const { rootcast, json } = await startBench(t)
  const made = await rootcast(['token', 'add', 'ci', '--scope', 'read'])
  t.match(made.stdout, /^rc_\S+\n$/, 'the secret alone, to be kept in a file')
  t.notMatch(made.stderr, made.stdout.trim())

  const env = { ROOTCAST_TOKEN: made.stdout.trim() }
  t.match(await rootcast(['image', 'list'], { env }), { exitCode: 0 })
  t.match(await rootcast(['host', 'add', 'x', '--mac', '525400123456'], { env }), {
    exitCode: 1,
    stderr: /needs a token with scope admin/
  })

  const listed = await rootcast(['token', 'list'])
  t.match(listed.stdout, / ci +read /)
  t.notMatch(listed.stdout, /rc_/)
  const id = /^(\S+) +ci /m.exec(listed.stdout)?.[1] ?? ''
  t.match(await rootcast(['token', 'remove', id]), { exitCode: 0 })
  t.match(await rootcast(['image', 'list'], { env }), { exitCode: 1, stderr: /ROOTCAST_TOKEN/ })
  t.match(await json(['token', 'list']), [{ name: 'admin', scope: 'admin' }])
})
