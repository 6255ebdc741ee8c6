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

    pub(super) fn random_address(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first() | (rand::random::<u32>() & !mask(self.prefix)))
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

/// The first subnet of `prefix` bits in `range` that overlaps none of `taken`, looked for upwards of `from`, then
/// from the beginning.
pub(super) fn first_free(
    range: Subnet,
    prefix: u8,
    taken: &[Subnet],
    from: Ipv4Addr,
) -> Option<Subnet> {
    if prefix < range.prefix || prefix > 32 {
        return None;
    }
    let from = if range.contains(from) { from } else { range.base };
    free_upwards(range, prefix, taken, from)
        .or_else(|| free_upwards(range, prefix, taken, range.base))
}

fn free_upwards(range: Subnet, prefix: u8, taken: &[Subnet], from: Ipv4Addr) -> Option<Subnet> {
    let mut next = from;
    loop {
        let mut candidate = Subnet::new(next, prefix);
        if candidate.base != next {
            // `next` lies within a subnet that begins before it: the one after.
            candidate = Subnet::new(after(candidate.last())?, prefix);
        }
        if !range.contains(candidate.base) {
            return None;
        }
        // Past everything that covers the candidate, rather than one step at a time.
        let covering =
            taken.iter().filter(|other| other.overlaps(candidate)).map(|other| other.last()).max();
        match covering {
            None => return Some(candidate),
            Some(end) => next = after(end)?,
        }
    }
}

fn after(address: u32) -> Option<Ipv4Addr> {
    address.checked_add(1).map(Ipv4Addr::from_bits)
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
        let range = subnet("10.0.0.0/8");
        let free =
            first_free(range, 27, &[subnet("10.0.0.0/9"), subnet("10.128.0.5/32")], range.base());
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
            from in 0u32..1 << 14,
        ) {
            let range = Subnet::new(Ipv4Addr::new(10, 87, 0, 0), range_prefix);
            let from = Ipv4Addr::from_bits(range.first() + from);
            let start = if range.contains(from) { from } else { range.base };
            let expected = (prefix >= range_prefix).then(|| {
                let step = 1usize << (32 - prefix);
                let all: Vec<Subnet> = (range.first()..=range.last())
                    .step_by(step)
                    .map(|base| Subnet::new(Ipv4Addr::from_bits(base), prefix))
                    .collect();
                let (upwards, below): (Vec<Subnet>, Vec<Subnet>) = all.iter().partition(|one| one.base >= start);
                let mut in_order = upwards.into_iter().chain(below);
                in_order.find(|candidate| !taken.iter().any(|other| other.overlaps(*candidate)))
            });
            prop_assert_eq!(first_free(range, prefix, &taken, from), expected.flatten());
        }

        #[test]
        fn the_top_of_the_address_space_does_not_overflow(taken in any::<bool>()) {
            let range = subnet("255.255.255.0/24");
            let taken = if taken { vec![range] } else { vec![] };
            prop_assert_eq!(first_free(range, 24, &taken, range.base()).is_none(), !taken.is_empty());
        }
    }
}
