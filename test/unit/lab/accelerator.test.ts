import { mkdirSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { hasHardwareKvm } from '../../../server/lab/accelerator.ts'

t.test('only a processor’s own virtualisation makes KVM worth trying', async (t) => {
  const modules = t.testdir()
  t.notOk(hasHardwareKvm(modules), 'no KVM at all')
  mkdirSync(path.join(modules, 'kvm'))
  mkdirSync(path.join(modules, 'kvm_pvm'))
  t.notOk(hasHardwareKvm(modules), 'KVM in software')
  mkdirSync(path.join(modules, 'kvm_amd'))
  t.ok(hasHardwareKvm(modules), 'KVM of an AMD processor')
})
