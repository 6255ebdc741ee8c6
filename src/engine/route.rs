//! The subnets this machine already routes: a VPN's must not be taken.

use std::fs;
use std::net::Ipv4Addr;

use super::Subnet;

/// Destinations of the host's IPv4 routes within or beside `range`; none where the kernel does not list them.
///
/// A route that covers all of `range` (the default route, a VPN's two halves of everything, a company's 10.0.0.0/8)
/// says nothing of which part is in use, and loses against the narrower route of a new network.
pub(super) fn taken(range: Subnet) -> Vec<Subnet> {
    let mut routes =
        fs::read_to_string("/proc/net/route").map(|table| parse(&table)).unwrap_or_default();
    routes.retain(|route| !route.covers(range));
    routes
}

/// Columns: interface, destination, gateway, flags, refcnt, use, metric, mask; numbers are in hex, bytes reversed.
fn parse(table: &str) -> Vec<Subnet> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let destination = address(columns.nth(1)?)?;
            let mask = address(columns.nth(5)?)?.to_bits();
            let prefix = u8::try_from(mask.leading_ones()).ok()?;
            Some(Subnet::new(destination, prefix))
        })
        .collect()
}

fn address(hex: &str) -> Option<Ipv4Addr> {
    let bits = u32::from_str_radix(hex, 16).ok()?;
    Some(Ipv4Addr::from(bits.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
garbled
";
        let found: Vec<String> = parse(table).iter().map(Subnet::to_string).collect();
        assert_eq!(found, ["0.0.0.0/0", "172.17.0.0/16", "10.0.0.0/8"]);
    }
}
