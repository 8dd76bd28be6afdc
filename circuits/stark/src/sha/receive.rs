//! How a table receives what was hashed.

use alloc::vec::Vec;

use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use super::tag;
use crate::bus;

/// Receives a part of the message `id`, or its digest, where `count` (a bit) is 1.
pub(crate) fn receive<AB: InteractionBuilder>(
    builder: &mut AB,
    id: AB::Expr,
    tag: AB::Expr,
    limbs: impl IntoIterator<Item = AB::Expr>,
    count: AB::Expr,
) {
    let mut fields = Vec::with_capacity(tag::FIELDS);
    fields.extend([id, tag]);
    fields.extend(limbs);
    fields.resize(tag::FIELDS, AB::Expr::ZERO);
    builder.push_interaction(bus::SHA, fields, -Count::bounded(count, 1));
}
