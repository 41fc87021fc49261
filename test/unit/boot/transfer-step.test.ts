import t from 'tap'
import { stepOfTransfer } from '../../../server/boot/transfer-step.ts'
import { LOADER_NAMES, version } from '../../fakes/boot-world.ts'

const CASES: Record<string, [name: string, step: string | undefined]> = {
  'a loader': ['shimx64.efi', 'loader'],
  'the kernel of the version': [`blobs/sha256/${'a'.repeat(64)}`, 'kernel'],
  'its initrd': [`blobs/sha256/${'b'.repeat(64)}`, 'initrd'],
  'one of its layers': [`blobs/sha256/${'d'.repeat(64)}`, 'layers'],
  "somebody else's blob": [`blobs/sha256/${'e'.repeat(64)}`, undefined],
  'a script': ['boot.ipxe', undefined],
  'a name that is none of ours': ['revocations.efi', undefined]
}

for (const [sentence, [name, step]] of Object.entries(CASES)) {
  t.test(sentence, async (t) => t.equal(stepOfTransfer(name, version(), LOADER_NAMES), step))
}

t.test('without a version, blobs mean nothing', async (t) => {
  t.equal(stepOfTransfer(`blobs/sha256/${'a'.repeat(64)}`, undefined, LOADER_NAMES), undefined)
})
