// What DHCP asks of the boot decision, and what it is told. DHCP turns an answer into options and header fields.
import type { Address } from '../net/address.ts'
import type { Ipv4 } from '../net/ipv4.ts'
import type { Mac } from '../net/mac.ts'
import type { Client } from './model.ts'

/** What the subnet and the reservation say of a client's address: what the kernel's `ip=` argument needs besides it. */
export interface NetworkFacts {
  readonly netmask: Ipv4
  readonly router: Ipv4 | undefined
  readonly dns: readonly Ipv4[]
  readonly ntp: readonly Ipv4[]
  readonly hostname: string | undefined
}

/** PXELINUX's own options (RFC 5071): 209, 210 and 211. */
export interface PxelinuxOptions {
  /** Relative to `pathPrefix`. */
  readonly configFile: string
  readonly pathPrefix: string
  readonly rebootTimeSeconds: number
}

/** `Server`: what an address of ours is in the family that asks. */
export type BootAnswer<Server extends Address = Ipv4> =
  | {
      readonly kind: 'boot'
      /**
       * A TFTP name, or a URL for stages `http-boot` and `ipxe` and over IPv6; empty for U-Boot and a Raspberry Pi, which
       * know what to ask for.
       */
      readonly bootfile: string
      readonly nextServer: Server
      /** The client is UEFI HTTP boot and wants option 60 = `HTTPClient`. */
      readonly httpClient: boolean
      /** The whole kernel command line, for option 224. */
      readonly kernelArguments: string | undefined
      /** Option 17. */
      readonly rootPath: string | undefined
      readonly pxelinux: PxelinuxOptions | undefined
      /** The group's and the host's raw options, by code. */
      readonly dhcpOptions: ReadonlyMap<number, Uint8Array>
    }
  | {
      /** Boots from its own disk, runs already, or is of an architecture that no loader serves: no boot options. */
      readonly kind: 'none'
      /** Of the boot that is under way, for an initramfs that asks by DHCP. */
      readonly kernelArguments?: string | undefined
      readonly rootPath?: string | undefined
      readonly dhcpOptions: ReadonlyMap<number, Uint8Array>
    }

export interface BootAnswers<Server extends Address = Ipv4> {
  /** The group's and the host's raw options, by code. Asking begins no boot. */
  dhcpOptions(mac: Mac | undefined): ReadonlyMap<number, Uint8Array>
  /**
   * What this client boots, told by the server at `server`.
   *
   * @param network undefined where the address is somebody else's to give (proxy mode), or is IPv6
   */
  answer(client: Client, server: Server, network: NetworkFacts | undefined): BootAnswer<Server>
}
