//! Shares and exponents as integers, so that no workload depends on how a machine rounds.

use core::{fmt, str::FromStr};

const MILLION: u32 = 1_000_000;
const THOUSAND: u32 = 1_000;

/// A share from nothing to all, in parts per million; written as a decimal from `0` to `1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    parts_per_million: u32,
}

/// The exponent of a Zipf distribution in thousandths; written as a decimal from `0` to `10`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exponent {
    thousandths: u32,
}

/// Why a text is not such a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a decimal from 0 to {max} with at most {digits} digits after the point")]
pub struct ParseNumberError {
    max: u32,
    digits: u32,
}

impl Share {
    /// Nothing.
    pub const NONE: Self = Self {
        parts_per_million: 0,
    };
    /// All.
    pub const ALL: Self = Self {
        parts_per_million: MILLION,
    };

    /// A share in parts per million; more than a million is all.
    #[must_use]
    pub const fn per_million(parts: u32) -> Self {
        Self {
            parts_per_million: if parts > MILLION { MILLION } else { parts },
        }
    }

    /// How many of `total` that is, rounded down.
    #[must_use]
    pub fn of(self, total: u64) -> u64 {
        let part = u128::from(total) * u128::from(self.parts_per_million) / u128::from(MILLION);
        u64::try_from(part).unwrap_or(total)
    }
}

impl Exponent {
    /// An exponent in thousandths; more than 10 is 10.
    #[must_use]
    pub const fn thousandths(parts: u32) -> Self {
        Self {
            thousandths: if parts > 10 * THOUSAND {
                10 * THOUSAND
            } else {
                parts
            },
        }
    }

    pub(super) const fn as_thousandths(self) -> u32 {
        self.thousandths
    }
}

impl FromStr for Share {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, ParseNumberError> {
        parse(text, 6, 1).map(|parts_per_million| Self { parts_per_million })
    }
}

impl FromStr for Exponent {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, ParseNumberError> {
        parse(text, 3, 10).map(|thousandths| Self { thousandths })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:06}",
            self.parts_per_million / MILLION,
            self.parts_per_million % MILLION
        )
    }
}

impl fmt::Display for Exponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:03}",
            self.thousandths / THOUSAND,
            self.thousandths % THOUSAND
        )
    }
}

/// A decimal as an integer number of its last possible digit.
fn parse(text: &str, digits: u32, max: u32) -> Result<u32, ParseNumberError> {
    let error = ParseNumberError { max, digits };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || !is_number(whole)
        || !is_number(fraction)
        || fraction.len() > digits as usize
    {
        return Err(error);
    }
    let padded = format!("{whole}{fraction:0<width$}", width = digits as usize);
    match padded.parse::<u32>() {
        Ok(number) if number <= max * 10_u32.pow(digits) => Ok(number),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!("0.05".parse(), Ok(Share::per_million(50_000)));
        assert_eq!("1".parse(), Ok(Share::ALL));
        assert_eq!("0".parse(), Ok(Share::NONE));
        assert_eq!("0.99".parse(), Ok(Exponent::thousandths(990)));
        assert_eq!("10.000".parse(), Ok(Exponent::thousandths(10_000)));
        assert_eq!(
            Share::per_million(50_000).to_string().parse(),
            Ok(Share::per_million(50_000))
        );
        assert_eq!(Exponent::thousandths(1_250).to_string(), "1.250");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            ".",
            ".5",
            "1.1",
            "-0.1",
            "0.0000001",
            "1e-3",
            "99999999999",
            "0.5.1",
            "+1",
            "nan",
        ] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert!("10.001".parse::<Exponent>().is_err());
        assert!("1.0001".parse::<Exponent>().is_err());
    }

    #[test]
    fn a_share_of_a_number_is_rounded_down() {
        assert_eq!(Share::per_million(333_333).of(3), 0);
        assert_eq!(Share::per_million(333_334).of(3), 1);
        assert_eq!(Share::ALL.of(u64::MAX), u64::MAX);
    }
}
