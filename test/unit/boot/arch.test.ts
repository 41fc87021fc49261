import t from 'tap'
import { ARCH_CODES } from '../../../server/boot/arch.ts'

t.test('each processor architecture of the registry has a name, and those with loaders an arch', async (t) => {
  t.same(
    [...ARCH_CODES.keys()],
    Array.from({ length: 42 }, (_, code) => code)
  )
  const served = [...ARCH_CODES].filter(([, { arch }]) => arch !== 'unknown')
  t.same(
    served.map(([code, { arch, http }]) => `${code} ${arch}${http ? ' http' : ''}`),
    [
      '0 x86-bios',
      '6 x86-uefi',
      '7 x64-uefi',
      '9 x64-uefi',
      '10 arm32-uefi',
      '11 arm64-uefi',
      '15 x86-uefi http',
      '16 x64-uefi http',
      '17 x64-uefi http',
      '18 arm32-uefi http',
      '19 arm64-uefi http',
      '20 x86-bios http',
      '21 u-boot',
      '22 u-boot',
      '41 raspberry-pi'
    ]
  )
})

t.test('H1: the codes of HTTP boot are the HTTP ones', async (t) => {
  const http = [...ARCH_CODES].filter(([, entry]) => entry.http).map(([code]) => code)
  t.same(http, [15, 16, 17, 18, 19, 20, 23, 24, 26, 28, 30, 38, 40])
})
