//! Changes of a value that need not read it, so that transactions which only add to one key do not wait for each other.

/// A change of a value `V` within bounds, for instance "plus 5, but not above 100".
///
/// Changes of one key by several transactions take effect in block order, like everything else. They need not commute for
/// the result to be right, but where the outcome of a bounds check depends on what other transactions add, a transaction
/// may be run again.
pub trait Delta<V>: Clone + Send + Sync {
    /// What becomes of `value`, where `None` means that there is none. It must depend on nothing else.
    ///
    /// # Errors
    /// The change would leave its bounds; then it does not happen.
    fn apply(&self, value: Option<&V>) -> Result<Option<V>, OutOfBounds>;
}

/// An addition would have left its bounds, and did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the addition would leave its bounds")]
pub struct OutOfBounds;

/// The delta of a [`Vm`](crate::Vm) that never adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDelta {}

impl<V> Delta<V> for NoDelta {
    fn apply(&self, _: Option<&V>) -> Result<Option<V>, OutOfBounds> {
        match *self {}
    }
}

/// An addition to, or a subtraction from, an unsigned integer whose result must lie between `min` and `max`, both
/// included. Where there is no value it starts from zero; a result of zero is a value like any other.
///
/// ```
/// use ordlane_scheduler::{Bounded, Delta, OutOfBounds};
///
/// let credit = Bounded { change: ordlane_scheduler::Change::Plus(5_u64), min: 0, max: 10 };
/// assert_eq!(credit.apply(Some(&5)), Ok(Some(10)));
/// assert_eq!(credit.apply(None), Ok(Some(5)));
/// assert_eq!(credit.apply(Some(&6)), Err(OutOfBounds));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded<T> {
    /// Up or down, and by how much.
    pub change: Change<T>,
    /// The least that the result may be.
    pub min: T,
    /// The most that the result may be.
    pub max: T,
}

/// The direction and size of a [`Bounded`] addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// The value grows by so much.
    Plus(T),
    /// The value shrinks by so much.
    Minus(T),
}

macro_rules! bounded {
    ($($number:ty),*) => {$(
        impl Delta<$number> for Bounded<$number> {
            fn apply(&self, value: Option<&$number>) -> Result<Option<$number>, OutOfBounds> {
                let value = value.copied().unwrap_or(0);
                let next = match self.change {
                    Change::Plus(by) => value.checked_add(by),
                    Change::Minus(by) => value.checked_sub(by),
                };
                match next {
                    Some(next) if (self.min..=self.max).contains(&next) => Ok(Some(next)),
                    _ => Err(OutOfBounds),
                }
            }
        }
    )*};
}

bounded!(u32, u64, u128);

/// What one run added to one key: every addition in order, with the outcome that the run was told.
#[cfg(feature = "rayon")]
#[derive(Clone, Debug)]
pub(crate) struct Additions<D> {
    first: (D, Outcome),
    /// Hardly any run adds to one key twice.
    more: Vec<(D, Outcome)>,
}

#[cfg(feature = "rayon")]
type Outcome = Result<(), OutOfBounds>;

#[cfg(feature = "rayon")]
impl<D> Additions<D> {
    pub(crate) const fn new(delta: D, outcome: Outcome) -> Self {
        Self {
            first: (delta, outcome),
            more: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, delta: D, outcome: Outcome) {
        self.more.push((delta, outcome));
    }

    /// Whether anything was added; else all of them were out of bounds.
    pub(crate) fn any(&self) -> bool {
        self.iter().any(|(_, outcome)| outcome.is_ok())
    }

    /// What `value` becomes if every outcome is again what it was.
    pub(crate) fn repeat<V>(&self, mut value: Option<V>) -> Option<Option<V>>
    where
        D: Delta<V>,
    {
        for (delta, outcome) in self.iter() {
            match (delta.apply(value.as_ref()), outcome) {
                (Ok(next), Ok(())) => value = next,
                (Err(OutOfBounds), Err(OutOfBounds)) => {}
                _ => return None,
            }
        }
        Some(value)
    }

    /// What `value` presumably becomes: what is out of bounds now is left out.
    pub(crate) fn guess<V>(&self, mut value: Option<V>) -> Option<V>
    where
        D: Delta<V>,
    {
        for (delta, _) in self.iter() {
            if let Ok(next) = delta.apply(value.as_ref()) {
                value = next;
            }
        }
        value
    }

    fn iter(&self) -> impl Iterator<Item = &(D, Outcome)> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounded, Change, Delta, OutOfBounds};

    #[test]
    fn bounds_hold_at_their_edges() {
        let plus = |by: u64, max| Bounded {
            change: Change::Plus(by),
            min: 0,
            max,
        };
        let minus = |by: u64, min| Bounded {
            change: Change::Minus(by),
            min,
            max: u64::MAX,
        };
        assert_eq!(plus(3, 10).apply(Some(&7)), Ok(Some(10)));
        assert_eq!(plus(4, 10).apply(Some(&7)), Err(OutOfBounds));
        assert_eq!(plus(1, u64::MAX).apply(Some(&u64::MAX)), Err(OutOfBounds));
        assert_eq!(minus(5, 2).apply(Some(&7)), Ok(Some(2)));
        assert_eq!(minus(6, 2).apply(Some(&7)), Err(OutOfBounds));
        assert_eq!(minus(1, 0).apply(None), Err(OutOfBounds));
        assert_eq!(minus(0, 0).apply(None), Ok(Some(0)));
    }
}
