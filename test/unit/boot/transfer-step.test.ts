import t from 'tap'
import { stepOfTransfer } from '../../../server/boot/transfer-step.ts'
import { LOADER_NAMES, version } from '../../fakes/boot-world.ts'

const CASES: Record<string, [name: string, step: string | undefined]> = {
  'a loader': ['shimx64.efi', 'loader'],
  'the kernel of the version': [`blobs/sha256/${'a'.repeat(64)}`, 'kernel'],
  'its initrd': [`blobs/sha256/${'b'.repeat(64)}`, 'initrd'],
  'one of its layers': [`blobs/sha256/${'d'.repeat(64)}`, 'layers'],
  "somebody else's blob": [`blobs/sha256/${'e'.repeat(64)}`, undefined],
  "a Raspberry Pi's firmware": ['d83adda1/start4.elf', 'loader'],
  'the kernel by the name that it asks for': ['d83adda1/kernel8.img', 'kernel'],
  'and its initrd': ['initrd.img', 'initrd'],
  'what it asks for and is not there': ['d83adda1/fixup4.dat', undefined],
  'a script': ['boot.ipxe', undefined],
  'a name that is none of ours': ['revocations.efi', undefined]
}

for (const [sentence, [name, step]] of Object.entries(CASES)) {
  t.test(sentence, async (t) =>
    t.equal(stepOfTransfer(name, version(), new Set([...LOADER_NAMES, 'start4.elf'])), step)
  )
}

t.test('without a version, blobs mean nothing', async (t) => {
  t.equal(stepOfTransfer(`blobs/sha256/${'a'.repeat(64)}`, undefined, LOADER_NAMES), undefined)
  t.equal(stepOfTransfer('kernel8.img', undefined, LOADER_NAMES), undefined)
})
