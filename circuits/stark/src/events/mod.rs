//! The events table: one row for each event, with its header, the rules of a well-formed trace and
//! the registers of every claim.

use avouch_claims::Claims;

/// Which events of a run a proof (or one segment of it) is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The index in the run of the first event here.
    pub first: u64,
    /// How many events are here, at least 1.
    pub count: u64,
    /// How many events the run has.
    pub size: u64,
}

impl Segment {
    /// Whether the run begins here, so that the incoming state is the fixed first one.
    pub const fn is_first(&self) -> bool {
        self.first == 0
    }

    /// Whether the run ends here, so that the outgoing state is final and decides.
    pub const fn is_last(&self) -> bool {
        self.first + self.count == self.size
    }
}

/// The constraints of the events table for these claims and this segment.
#[derive(Clone, Debug)]
pub struct EventsAir {
    /// The claims, which become constants of the constraints.
    pub claims: Claims,
    /// The events here.
    pub segment: Segment,
}

impl EventsAir {
    /// For these claims and this segment.
    pub fn new(claims: &Claims, segment: Segment) -> Self {
        Self {
            claims: claims.clone(),
            segment,
        }
    }
}

mod plain {
    use super::*;
    use crate::{Val, blind, bus};
    use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
    use p3_field::PrimeCharacteristicRing;
    use p3_lookup::{Count, InteractionBuilder};
    impl BaseAir<Val> for EventsAir {
        fn width(&self) -> usize {
            48
        }
    }
    impl<AB: InteractionBuilder<F = Val>> Air<AB> for EventsAir {
        fn eval(&self, b: &mut AB) {
            let w = b.main();
            let (r, n) = (w.current_slice(), w.next_slice());
            b.assert_bool(r[0]);
            b.when_first_row().assert_one(r[0]);
            b.when_transition()
                .assert_zero(n[0] * (AB::Expr::ONE - r[0]));
            b.when_first_row()
                .assert_eq(r[1], AB::Expr::from_u64(self.segment.first));
            b.when_transition().assert_eq(n[1], r[1] + AB::Expr::ONE);
            b.push_interaction(
                bus::LEAF,
                (1..42).map(|c| AB::Expr::from(r[c].into())),
                Count::bounded(r[0].into(), 1),
            );
            blind::eval(b, &r[42..], blind::Blinded::Events);
        }
    }
    #[cfg(feature = "prove")]
    pub fn trace(
        air: &EventsAir,
        headers: &[avouch_trace::Header],
        _: &avouch_claims::State<'_>,
        blinding: &[Val; blind::WIDTH],
        _: &mut bus::ByteCounts,
    ) -> p3_matrix::dense::RowMajorMatrix<Val> {
        let rows = bus::rows_for(headers.len());
        let mut v = Val::zero_vec(rows * 48);
        for (i, row) in v.chunks_exact_mut(48).enumerate() {
            row[1] = Val::from_u64(air.segment.first + i as u64);
            if let Some(h) = headers.get(i) {
                row[0] = Val::ONE;
                for (k, b) in h.encode().chunks_exact(2).enumerate() {
                    row[2 + k] = Val::from_u16(u16::from_be_bytes([b[0], b[1]]));
                }
            }
        }
        v[42..48].copy_from_slice(blinding);
        p3_matrix::dense::RowMajorMatrix::new(v, 48)
    }
}
#[cfg(feature = "prove")]
pub use plain::trace;
