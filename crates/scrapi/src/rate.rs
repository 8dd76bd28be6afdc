//! How often each client may ask: a bucket of tokens for each address, which fills again with time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

/// Addresses that are remembered at once. Others share one bucket while it is full.
const REMEMBERED: usize = 4096;

/// How many requests a client may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In a minute, and so many at once.
    pub per_minute: u32,
}

pub(crate) struct Buckets {
    rate: Rate,
    of: HashMap<IpAddr, Bucket>,
    others: Bucket,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Buckets {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            of: HashMap::new(),
            others: Bucket {
                tokens: f64::from(rate.per_minute),
                at: now,
            },
        }
    }

    /// Takes one token; if there is none, in how many seconds there will be.
    pub(crate) fn take(&mut self, client: IpAddr, now: Instant) -> Result<(), u64> {
        let full = f64::from(self.rate.per_minute);
        let speed = full / 60.0;
        let fill = |bucket: &mut Bucket| {
            let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
            bucket.tokens = (bucket.tokens + passed * speed).min(full);
            bucket.at = now;
        };
        if !self.of.contains_key(&client) && self.of.len() >= REMEMBERED {
            self.of.retain(|_, bucket| {
                fill(bucket);
                bucket.tokens < full
            });
        }
        let bucket = match self.of.len() < REMEMBERED || self.of.contains_key(&client) {
            true => self.of.entry(client).or_insert(Bucket {
                tokens: full,
                at: now,
            }),
            false => &mut self.others,
        };
        fill(bucket);
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - bucket.tokens) / speed;
        // At most a minute a request.
        Err(wait.ceil().clamp(1.0, 60.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    #[test]
    fn a_client_gets_its_rate_and_no_more_and_others_are_not_concerned() {
        let start = Instant::now();
        let mut buckets = Buckets::new(Rate { per_minute: 3 }, start);
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..3 {
            assert_eq!(buckets.take(one, start), Ok(()));
        }
        assert_eq!(buckets.take(one, start), Err(20));
        assert_eq!(buckets.take(two, start), Ok(()));
        assert_eq!(buckets.take(one, start + Duration::from_secs(10)), Err(10));
        assert_eq!(buckets.take(one, start + Duration::from_secs(21)), Ok(()));
    }

    #[test]
    fn many_addresses_take_no_more_memory_and_share_one_bucket() {
        let start = Instant::now();
        let mut buckets = Buckets::new(Rate { per_minute: 2 }, start);
        let address = |n: u32| IpAddr::from(Ipv4Addr::from(n));
        let served = (0..10_000)
            .filter(|n| buckets.take(address(*n), start).is_ok())
            .count();
        assert_eq!(served, REMEMBERED + 2);
        assert_eq!(buckets.of.len(), REMEMBERED);
    }
}
