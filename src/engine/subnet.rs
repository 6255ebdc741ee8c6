//! IPv4 subnets, and choosing one that is free.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::error::Error;

/// An IPv4 subnet: its first address, and how many leading bits all its addresses share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subnet {
    base: Ipv4Addr,
    prefix: u8,
}

impl Subnet {
    /// The subnet of that size that `address` is in; a prefix over 32 counts as 32.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self { base: Ipv4Addr::from_bits(address.to_bits() & mask(prefix)), prefix }
    }

    pub fn base(self) -> Ipv4Addr {
        self.base
    }

    pub fn prefix(self) -> u8 {
        self.prefix
    }

    fn first(self) -> u32 {
        self.base.to_bits()
    }

    fn last(self) -> u32 {
        self.first() | !mask(self.prefix)
    }

    pub fn contains(self, address: Ipv4Addr) -> bool {
        (self.first()..=self.last()).contains(&address.to_bits())
    }

    /// Whether all of `other` is in it.
    pub fn covers(self, other: Self) -> bool {
        self.first() <= other.first() && other.last() <= self.last()
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.first() <= other.last() && other.first() <= self.last()
    }

    /// The `n`th address a container can have: neither the subnet's own, nor the broadcast one.
    /// The engine keeps the first (`n` = 1) for the gateway.
    pub fn host(self, n: u32) -> Option<Ipv4Addr> {
        let address = self.first().checked_add(n)?;
        (n > 0 && address < self.last()).then(|| Ipv4Addr::from_bits(address))
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = Error;

    /// `10.87.0.0/16`; the address must be the subnet's first.
    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once('/').and_then(|(address, prefix)| {
            let (address, prefix) = (address.parse().ok()?, prefix.parse().ok()?);
            (prefix <= 32)
                .then(|| Self::new(address, prefix))
                .filter(|subnet| subnet.base == address)
        });
        parsed.ok_or_else(|| {
            Error::usage(format!("'{text}' is not a subnet"))
                .because("it takes the form 10.87.0.0/16: its first address, then the number of leading bits")
        })
    }
}

/// The first subnet of `prefix` bits in `range` that overlaps none of `taken`.
pub(super) fn first_free(range: Subnet, prefix: u8, taken: &[Subnet]) -> Option<Subnet> {
    if prefix < range.prefix || prefix > 32 {
        return None;
    }
    let mut candidate = Subnet::new(range.base, prefix);
    loop {
        // Past everything that covers the candidate, rather than one step at a time.
        let Some(end) =
            taken.iter().filter(|other| other.overlaps(candidate)).map(|other| other.last()).max()
        else {
            return Some(candidate);
        };
        let next = end.max(candidate.last()).checked_add(1).map(Ipv4Addr::from_bits)?;
        if !range.contains(next) {
            return None;
        }
        // `next` may lie within a subnet that begins under `end`: round up.
        candidate = Subnet::new(next, prefix);
        if candidate.base != next {
            let above = candidate.last().checked_add(1).map(Ipv4Addr::from_bits)?;
            candidate = Subnet::new(above, prefix);
        }
        if !range.contains(candidate.base) {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn text_goes_both_ways() {
        for text in ["10.87.0.0/16", "0.0.0.0/0", "10.0.0.1/32", "10.87.0.32/27"] {
            assert_eq!(subnet(text).to_string(), text);
        }
        for text in ["10.87.0.1/16", "10.87.0.0/33", "10.87.0.0", "x/8", ""] {
            assert!(text.parse::<Subnet>().is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_leave_out_the_subnets_own_and_broadcast() {
        let small = subnet("10.0.0.32/30");
        assert_eq!(small.host(0), None);
        assert_eq!(small.host(2), Some(Ipv4Addr::new(10, 0, 0, 34)));
        assert_eq!(small.host(3), None);
        assert_eq!(small.host(u32::MAX), None);
    }

    #[test]
    fn a_host_route_of_a_vpn_is_stepped_over() {
        let free =
            first_free(subnet("10.0.0.0/8"), 27, &[subnet("10.0.0.0/9"), subnet("10.128.0.5/32")]);
        assert_eq!(free, Some(subnet("10.128.0.32/27")));
    }

    fn any_subnet() -> impl Strategy<Value = Subnet> {
        // Close together, so that they meet.
        (0u32..1 << 12, 16u8..=32).prop_map(|(offset, prefix)| {
            Subnet::new(Ipv4Addr::from_bits(Ipv4Addr::new(10, 87, 0, 0).to_bits() + offset), prefix)
        })
    }

    proptest! {
        #[test]
        fn overlap_is_sharing_an_address(a in any_subnet(), b in any_subnet()) {
            let shares = a.contains(b.base()) || b.contains(a.base());
            prop_assert_eq!(a.overlaps(b), shares);
            prop_assert_eq!(b.overlaps(a), shares);
        }

        /// Compared with looking at every candidate in order.
        #[test]
        fn the_first_free_one_is_found(
            taken in prop::collection::vec(any_subnet(), 0..12),
            range_prefix in 18u8..=24,
            prefix in 20u8..=29,
        ) {
            let range = Subnet::new(Ipv4Addr::new(10, 87, 0, 0), range_prefix);
            let expected = (prefix >= range_prefix).then(|| {
                let step = 1usize << (32 - prefix);
                (range.first()..=range.last())
                    .step_by(step)
                    .map(|base| Subnet::new(Ipv4Addr::from_bits(base), prefix))
                    .find(|candidate| !taken.iter().any(|other| other.overlaps(*candidate)))
            });
            prop_assert_eq!(first_free(range, prefix, &taken), expected.flatten());
        }

        #[test]
        fn the_top_of_the_address_space_does_not_overflow(taken in any::<bool>()) {
            let range = subnet("255.255.255.0/24");
            let taken = if taken { vec![range] } else { vec![] };
            prop_assert_eq!(first_free(range, 24, &taken).is_none(), !taken.is_empty());
        }
    }
}
