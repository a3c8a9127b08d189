//! How the values of the document are written: one form each.

use std::{fmt, marker::PhantomData};

use ordlane_primitives::FeeRule;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// The largest number that every reader of JSON holds exactly: 2^53 - 1.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// A value that is written as an object. Without it, a list of the fields' values would be taken, too.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// A whole number: a string of decimal digits, or a number where that is exact. It is written as a string.
#[derive(Debug)]
pub(super) struct Decimal<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Decimal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: TryFrom<u128>> Deserialize<'de> for Decimal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = deserializer.deserialize_any(Digits)?;
        let number = T::try_from(number).map_err(|_| {
            let bits = size_of::<T>().saturating_mul(8);
            de::Error::custom(format_args!("{number} does not fit into {bits} bits"))
        })?;
        Ok(Self(number))
    }
}

struct Digits;

impl Visitor<'_> for Digits {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number in decimal digits, as a string or below 2^53")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u128, E> {
        if number > MAX_EXACT {
            return Err(E::custom(format_args!(
                "{number} is not exact in every reader of JSON, write it as a string"
            )));
        }
        Ok(number.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u128, E> {
        let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
        let has_one_form = text == "0" || !text.starts_with('0');
        match text.parse() {
            Ok(number) if is_decimal && has_one_form => Ok(number),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

/// The fee rule by its name.
#[derive(Debug)]
pub(super) struct Rule(pub(super) FeeRule);

const PAY_PROPOSER: &str = "pay_proposer";
const BURN: &str = "burn";

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self.0 {
            FeeRule::PayProposer => PAY_PROPOSER,
            FeeRule::Burn => BURN,
        })
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            PAY_PROPOSER => Ok(Self(FeeRule::PayProposer)),
            BURN => Ok(Self(FeeRule::Burn)),
            other => Err(de::Error::unknown_variant(other, &[PAY_PROPOSER, BURN])),
        }
    }
}
