//! What an embedder relies on, over random programs and over every incident that has hit engines of this family.

#[cfg(test)]
mod additions;
#[cfg(feature = "rayon")]
#[cfg(test)]
mod calls;
#[cfg(test)]
mod cancel;
#[cfg(feature = "rayon")]
#[cfg(test)]
mod endless;
#[cfg(test)]
mod equivalence;
#[cfg(feature = "rayon")]
#[cfg(test)]
mod extremes;
#[cfg(test)]
mod failures;
#[cfg(feature = "rayon")]
#[cfg(test)]
mod feed;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod hints;
#[cfg(feature = "rayon")]
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod ranges;
#[cfg(feature = "rayon")]
#[cfg(test)]
mod reuse;
#[cfg(feature = "rayon")]
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trace;
