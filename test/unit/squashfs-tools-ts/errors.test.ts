import t from 'tap'
import { ToolFailed, ToolMissing, TruncatedSquashfs } from '../../../server/squashfs-tools-ts/errors.ts'

t.test('a failed tool speaks in its own words', async (t) => {
  const stderr = 'Failed to read file\n\nFATAL ERROR: Probably out of space on output filesystem\n'
  t.match(new ToolFailed('mksquashfs', 1, stderr), {
    message: 'mksquashfs failed (exit 1): Failed to read file; FATAL ERROR: Probably out of space on output filesystem',
    code: 'NO_SPACE',
    tool: 'mksquashfs',
    exitCode: 1,
    stderr
  })
})

t.test('why it failed, as squashfs-tools 4.5 puts it', async (t) => {
  const codes = (stderr: string) => new ToolFailed('mksquashfs', 1, stderr).code
  t.equal(codes('Write failed because No space left on device'), 'NO_SPACE')
  t.equal(codes('Tar header checksum does not match!'), 'NOT_A_TAR')
  t.equal(codes('Failed to read tar file a, the tarfile appears to be truncated or corrupted'), 'NOT_A_TAR')
  t.equal(codes('Cannot stat source directory "nowhere"'), 'TOOL_FAILED')
})

t.test('a tool that was killed without a word', async (t) => {
  t.equal(new ToolFailed('unsquashfs', undefined, '').message, 'unsquashfs was killed: it gave no reason')
})

t.test('the others carry what callers branch on', async (t) => {
  t.match(new ToolMissing('unsquashfs'), { code: 'TOOL_MISSING', tool: 'unsquashfs', message: /squashfs-tools/ })
  t.match(new TruncatedSquashfs(4096, 100), { code: 'SQUASHFS_TRUNCATED', expectedBytes: 4096, actualBytes: 100 })
})
