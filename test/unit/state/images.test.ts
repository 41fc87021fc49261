import t from 'tap'
import { StoredImages } from '../../../server/state/images.ts'
import { FakeVersions } from '../../fakes/versions.ts'

const channels = (placed: Record<string, string>) => ({
  get: ({ image, channel }: { image: string; channel: string }) => {
    const version = placed[`${image}/${channel}`]
    return version === undefined ? undefined : { version }
  }
})

t.test('what a channel or a version stands for, or which of the three is not there', async (t) => {
  const versions = new FakeVersions('lab', '1', '2')
  const images = new StoredImages(versions, channels({ 'lab/stable': '1', 'lab/lost': '3' }))
  t.same(images.resolve('lab', { channel: 'stable' }), versions.get('lab', '1'))
  t.same(images.resolve('lab', { version: '2' }), versions.get('lab', '2'))
  t.equal(images.resolve('lab', { channel: 'beta' }), 'CHANNEL_NOT_FOUND')
  t.equal(images.resolve('lab', { version: '9' }), 'VERSION_NOT_FOUND')
  t.equal(images.resolve('lab', { channel: 'lost' }), 'VERSION_NOT_FOUND')
  t.equal(images.resolve('other', { channel: 'stable' }), 'IMAGE_NOT_FOUND')
  t.equal(images.resolve('other', { version: '1' }), 'IMAGE_NOT_FOUND')
})
