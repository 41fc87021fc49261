import t from 'tap'
import { screenText } from '../../../../server/boot/script/script.ts'

t.test('a line for the screen', async (t) => {
  const cases: Record<string, [text: string, shown: string]> = {
    'is shown as it is when it is plain': ['no image is assigned', 'no image is assigned'],
    'loses what moves the cursor': ['a\r\n\x1b[2Jb\tc', 'a?[2Jb?c'],
    'loses what firmware has no letters for': ['größe', 'gr?e'],
    'keeps one blank of several': ['  a   b ', 'a b']
  }
  for (const [sentence, [text, shown]] of Object.entries(cases)) t.equal(screenText(text), shown, sentence)
  t.equal(screenText('x'.repeat(300)).length, 200, 'is cut before it fills the screen')
})
