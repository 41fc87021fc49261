// The lab's own layer, laid over an image: it lets root in on the serial console, so that claims can be checked from
// inside. The image stays as it is, and no password has to exist.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { mksquashfs } from '../squashfs-tools-ts/index.ts'

const DROP_IN = 'etc/systemd/system/serial-getty@ttyS0.service.d/lab.conf'

const AUTOLOGIN = `[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --keep-baud 115200,57600,38400,9600 - $TERM
`

/** Writes the layer into `directory`; resolves with its path. */
export async function makeLabLayer(directory: string): Promise<string> {
  const source = path.join(directory, 'lab-layer')
  const file = path.join(source, DROP_IN)
  await mkdir(path.dirname(file), { recursive: true, mode: 0o755 })
  await writeFile(file, AUTOLOGIN, { mode: 0o644 })
  const destination = `${source}.squashfs`
  await mksquashfs({ source, destination })
  return destination
}
