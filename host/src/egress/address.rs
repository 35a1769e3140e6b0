//! Which addresses a name may resolve to.
//!
//! A name in an allowed zone proves nothing about the address behind it: DNS can be lied to, and a record can point back
//! inside. The tables follow IANA's registries of special-purpose addresses (RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far away an address is, as far as its number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// An address of the public Internet.
    Public,
    /// An address inside somebody's network: RFC 1918, RFC 6598 (shared address space), RFC 4193 (unique local).
    Private,
    /// This machine, by a loopback address.
    Loopback,
    /// An address no workspace can have: metadata services, link-local, multicast, unspecified, documentation,
    /// benchmarking, deprecated transition mechanisms, reserved.
    Never,
}

/// A block of IPv4 addresses: the first one, and the length of the prefix in bits.
type BlockV4 = (Ipv4Addr, u32);
/// A block of IPv6 addresses: the first one, and the length of the prefix in bits.
type BlockV6 = (Ipv6Addr, u32);

const NEVER_V4: &[BlockV4] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),          // this network; 0.0.0.0 connects to this machine
    (Ipv4Addr::new(100, 100, 100, 200), 32), // metadata service of Alibaba Cloud
    (Ipv4Addr::new(168, 63, 129, 16), 32),   // platform services of Azure, inside every virtual network
    (Ipv4Addr::new(169, 254, 0, 0), 16),     // link-local; the metadata service of most clouds
    (Ipv4Addr::new(192, 0, 0, 0), 24),       // protocol assignments; metadata service of Oracle Cloud
    (Ipv4Addr::new(192, 0, 2, 0), 24),       // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),     // relays of 6to4, deprecated
    (Ipv4Addr::new(198, 18, 0, 0), 15),      // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24),    // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),     // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),        // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),        // reserved, and broadcast
];

const LOOPBACK_V4: BlockV4 = (Ipv4Addr::new(127, 0, 0, 0), 8);

const PRIVATE_V4: &[BlockV4] = &[
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// Global unicast. Every other IPv6 address but the unique local ones and the IPv4 forms is refused.
const GLOBAL_V6: BlockV6 = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const NEVER_V6: &[BlockV6] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarking, ORCHID
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, deprecated (RFC 7526)
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
    (Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0), 32), // local services of AWS, metadata among them
    (Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0), 32), // metadata service of Google Cloud
];

const UNIQUE_LOCAL_V6: BlockV6 = (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);
/// IPv4-mapped addresses (RFC 4291 section 2.5.5.2): the operating system connects to the IPv4 address in them.
const MAPPED_V6: BlockV6 = (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);
/// The well-known prefix of NAT64 (RFC 6052): the network connects to the IPv4 address in them.
const NAT64_V6: BlockV6 = (Ipv6Addr::new(0x0064, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

impl Reach {
    /// Says how far away an address is.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let within = |block: &BlockV4| in_block_v4(address, *block);
        if NEVER_V4.iter().any(within) {
            Self::Never
        } else if within(&LOOPBACK_V4) {
            Self::Loopback
        } else if PRIVATE_V4.iter().any(within) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let within = |block: &BlockV6| in_block_v6(address, *block);
        if address.is_loopback() {
            Self::Loopback
        } else if within(&MAPPED_V6) || within(&NAT64_V6) {
            Self::of_v4(embedded_v4(address))
        } else if NEVER_V6.iter().any(within) {
            Self::Never
        } else if within(&UNIQUE_LOCAL_V6) {
            Self::Private
        } else if within(&GLOBAL_V6) {
            Self::Public
        } else {
            Self::Never
        }
    }
}

/// The IPv4 address in the last 32 bits.
fn embedded_v4(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

fn in_block_v4(address: Ipv4Addr, (first, prefix): BlockV4) -> bool {
    (address.to_bits() ^ first.to_bits()).leading_zeros() >= prefix
}

fn in_block_v6(address: Ipv6Addr, (first, prefix): BlockV6) -> bool {
    (address.to_bits() ^ first.to_bits()).leading_zeros() >= prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_reach(expected: Reach, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(Reach::of(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        assert_reach(
            Reach::Public,
            &[
                "8.8.8.8",
                "172.32.0.1",
                "100.128.0.1",
                "198.20.0.1",
                "2606:4700::1111",
                "64:ff9b::8.8.8.8",
                "::ffff:8.8.8.8",
            ],
        );
    }

    #[test]
    fn addresses_of_internal_networks_are_private() {
        assert_reach(
            Reach::Private,
            &[
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "100.64.0.1",
                "100.127.255.255",
                "fc00::1",
                "fdff::1",
                "::ffff:10.0.0.1",
                "64:ff9b::192.168.1.1",
            ],
        );
    }

    #[test]
    fn this_machine_is_recognised_in_every_form() {
        assert_reach(
            Reach::Loopback,
            &["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"],
        );
    }

    #[test]
    fn metadata_services_and_special_addresses_are_never_reached() {
        assert_reach(
            Reach::Never,
            &[
                "169.254.169.254",
                "169.254.0.1",
                "fd00:ec2::254",
                "fd20:ce::254",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "::ffff:169.254.169.254",
                "64:ff9b::169.254.169.254",
                "0.0.0.0",
                "0.1.2.3",
                "::",
                "fe80::1",
                "fec0::1",
                "ff02::1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "192.0.2.1",
                "198.51.100.1",
                "203.0.113.1",
                "2001:db8::1",
                "3fff::1",
                "198.18.0.1",
                "198.19.255.255",
                "2001:2::1",
                "2001::1",
                "2002:7f00:1::",
                "2002:808:808::1",
                "192.88.99.1",
                "64:ff9b:1::8.8.8.8",
                "::127.0.0.1",
                "::8.8.8.8",
                "100::1",
                "4000::1",
            ],
        );
    }
}
