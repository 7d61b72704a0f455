//! Three network namespaces in a row, `near` - `way` - `far`: what goes through the middle one can be narrowed and lost.
//!
//! The kernel does the rest: its own TCP, its own queues. It needs root, and `scripts/setup network`.

use std::io;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// Where the server and whoever is beside it are.
pub const NEAR: Ipv4Addr = Ipv4Addr::new(10, 78, 2, 2);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 78, 1, 2);
/// What may wait before a narrow way: as in the emulated networks of `bench media`. **Units:** bytes.
const QUEUE_BYTES: u32 = 64_000;

/// The namespaces. They are gone when this is dropped.
pub struct Lab {
    /// Makes the names different from those of another bench.
    id: u32,
}

impl Lab {
    /// Makes them.
    ///
    /// # Errors
    /// It is not allowed, or a program is missing.
    pub fn start() -> io::Result<Self> {
        let lab = Self { id: std::process::id() };
        for name in [lab.near(), lab.way(), lab.far()] {
            run("ip", &format!("netns add {name}"))?;
            run("ip", &format!("-n {name} link set lo up"))?;
        }
        for (end, name, address, gate) in
            [("n", lab.near(), NEAR, Ipv4Addr::new(10, 78, 2, 1)), ("f", lab.far(), FAR, Ipv4Addr::new(10, 78, 1, 1))]
        {
            let way = lab.way();
            run("ip", &format!("link add {end}0 netns {name} type veth peer name {end}1 netns {way}"))?;
            for (namespace, link, address) in [(&name, format!("{end}0"), address), (&way, format!("{end}1"), gate)] {
                run("ip", &format!("-n {namespace} addr add {address}/24 dev {link}"))?;
                // A burst of datagrams that is sent as one would be lost as one.
                run("ip", &format!("-n {namespace} link set {link} gso_max_segs 1 up"))?;
            }
            run("ip", &format!("-n {name} route add default via {gate}"))?;
        }
        lab.in_the_way("sysctl", "-qw net.ipv4.ip_forward=1")?;
        lab.in_the_way("nft", "add table inet bench")?;
        lab.in_the_way("nft", "add chain inet bench lossy { type filter hook forward priority 0 ; }")?;
        Ok(lab)
    }

    /// The namespace of the server.
    pub fn near(&self) -> String {
        format!("hph-near-{}", self.id)
    }

    /// The namespace behind the way.
    pub fn far(&self) -> String {
        format!("hph-far-{}", self.id)
    }

    fn way(&self) -> String {
        format!("hph-way-{}", self.id)
    }

    /// Loses so many of the datagrams in both directions, at random.
    ///
    /// # Errors
    /// nft refuses.
    pub fn lose(&self, percent: u64) -> io::Result<()> {
        self.in_the_way("nft", "flush chain inet bench lossy")?;
        if percent == 0 {
            return Ok(());
        }
        let rule = format!("add rule inet bench lossy meta l4proto udp numgen random mod 100 < {percent} drop");
        self.in_the_way("nft", &rule)
    }

    /// Makes the way narrow in both directions, with a queue before it; 0: as wide as it is.
    ///
    /// # Errors
    /// tc refuses.
    pub fn narrow(&self, kbps: u64) -> io::Result<()> {
        for link in ["n1", "f1"] {
            if kbps == 0 {
                // There may be none.
                let _ = self.in_the_way("tc", &format!("qdisc del dev {link} root"));
            } else {
                let shape = format!("root tbf rate {kbps}kbit burst 3kb limit {QUEUE_BYTES}");
                self.in_the_way("tc", &format!("qdisc replace dev {link} {shape}"))?;
            }
        }
        Ok(())
    }

    /// What waits before the narrow way to the far end, in bytes, and how many packets found it full.
    ///
    /// # Errors
    /// tc refuses.
    pub fn queue(&self) -> io::Result<(u64, u64)> {
        let output = Command::new("tc").args(["-n", &self.way(), "-s", "qdisc", "show", "dev", "f1"]).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        number_after("backlog", &said)
            .zip(number_after("dropped", &said))
            .ok_or_else(|| io::Error::other("tc tells nothing"))
    }

    fn in_the_way(&self, program: &str, arguments: &str) -> io::Result<()> {
        run("ip", &format!("netns exec {} {program} {arguments}", self.way()))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in [self.near(), self.way(), self.far()] {
            let _ = run("ip", &format!("netns del {name}"));
        }
    }
}

fn run(program: &str, arguments: &str) -> io::Result<()> {
    let output = Command::new(program).args(arguments.split_whitespace()).stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}: scripts/setup network")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let advice = "network namespaces need root, and what scripts/setup network installs";
    if output.status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{program} {arguments}: {said} {advice}")))
    }
}

/// `Sent 60 bytes 1 pkt (dropped 3, overlimits 7 requeues 0) backlog 12180b 12p`; bytes may be in thousands: `63Kb`.
fn number_after(name: &str, said: &str) -> Option<u64> {
    let word = said.split(['(', ' ', '\n', ',']).skip_while(|word| *word != name).nth(1)?;
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at_checked(digits)?;
    let factor = if unit == "Kb" { 1000 } else { 1 };
    Some(number.parse::<u64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_read_from_what_tc_says() {
        let said = "qdisc tbf 8001: root refcnt 2 rate 500Kbit burst 3Kb limit 64000b\n \
                    Sent 60 bytes 1 pkt (dropped 17, overlimits 9 requeues 0)\n backlog 12180b 12p requeues 0\n";
        assert_eq!(number_after("backlog", said), Some(12_180));
        assert_eq!(number_after("dropped", said), Some(17));
        assert_eq!(number_after("backlog", " backlog 63Kb 52p requeues 0"), Some(63_000));
        assert_eq!(number_after("backlog", "qdisc noqueue 0: root refcnt 2"), None);
    }
}
