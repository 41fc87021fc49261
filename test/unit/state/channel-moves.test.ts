import t from 'tap'
import { type ChannelMove, trail } from '../../../server/state/channel-moves.ts'

function moves(...steps: readonly (readonly [kind: ChannelMove['kind'], to?: string])[]): ChannelMove[] {
  return steps.map(([kind, to]) => ({ kind, from: undefined, to, actor: 'me', at: 0 }))
}

t.test('where rollbacks can go', async (t) => {
  const table: readonly [string, ChannelMove[], string[]][] = [
    ['never moved', [], []],
    ['moved', moves(['move', 'a'], ['move', 'b'], ['move', 'c']), ['a', 'b', 'c']],
    ['rolled back once', moves(['move', 'a'], ['move', 'b'], ['move', 'c'], ['rollback', 'b']), ['a', 'b']],
    ['rolled back, then on', moves(['move', 'a'], ['move', 'b'], ['rollback', 'a'], ['move', 'c']), ['a', 'c']],
    ['over a deleted version', moves(['move', 'a'], ['move', 'b'], ['move', 'c'], ['rollback', 'a']), ['a']],
    [
      'back to a version that was there twice',
      moves(['move', 'a'], ['move', 'b'], ['move', 'a'], ['move', 'c'], ['rollback', 'a']),
      ['a', 'b', 'a']
    ],
    [
      'from the second time to before',
      moves(['move', 'a'], ['move', 'b'], ['move', 'a'], ['rollback', 'b']),
      ['a', 'b']
    ],
    ['removed and made again', moves(['move', 'a'], ['remove'], ['move', 'b']), ['b']]
  ]
  for (const [name, history, expected] of table) t.same(trail(history), expected, name)
})
