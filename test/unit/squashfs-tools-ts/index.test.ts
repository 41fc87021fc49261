import t from 'tap'

t.test('the workspace goes by its name', async (t) => {
  const names = Object.keys(await import('squashfs-tools-ts'))
  t.same(names.sort(), [
    ...['NotSquashfs', 'SUPERBLOCK_BYTES', 'ToolFailed', 'ToolMissing', 'TruncatedSquashfs', 'UnsupportedSquashfs'],
    ...['cat', 'extract', 'list', 'mksquashfs', 'parseSuperblock', 'readSuperblock']
  ])
})
