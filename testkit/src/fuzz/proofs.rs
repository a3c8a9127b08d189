//! What must hold for any proof of a small state that never changes.

use std::collections::BTreeMap;

use ordlane_primitives::{
    BlockWitness, Hash,
    proof::{KeyValue, MultiProof, ProofError, StateProof},
    tree,
};

use super::decode_canonical;
use crate::state_tree::StateTree;

/// Keys that can be asked for: one byte, below this.
const KEYS: u8 = 40;
/// Of these so many are there.
const PRESENT: u8 = 24;
/// Most keys of one proof.
const MOST_ITEMS: u8 = 8;

type Values = BTreeMap<Vec<u8>, Vec<u8>>;

fn state() -> Values {
    (0..PRESENT).map(|key| (vec![key], vec![key + 1])).collect()
}

fn tree_of(values: &Values) -> StateTree {
    StateTree::new(values.iter().map(|(key, value)| (&key[..], &value[..])))
}

/// A key, what is claimed of it, and what is to become of it, if anything.
struct Claim {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    change: Option<Option<Vec<u8>>>,
}

impl Claim {
    fn new([key, value, change]: &[u8; 3]) -> Self {
        Self {
            key: vec![key % KEYS],
            value: (*value > 0).then(|| vec![*value]),
            change: match change {
                0 => None,
                1 => Some(None),
                change => Some(Some(vec![*change])),
            },
        }
    }

    fn holds(&self, state: &Values) -> bool {
        state.get(&self.key) == self.value.as_ref()
    }
}

/// A number of claims, three bytes for each, then a proof, of many keys or of the first.
///
/// What a proof shows is true, and the root after a change is that of the changed state. The proof that the state gives is
/// accepted for what is true, and for nothing else.
pub fn proof_verify(bytes: &[u8]) {
    let Some((count, rest)) = bytes.split_first() else {
        return;
    };
    let (claims, _) = rest.as_chunks::<3>();
    let claims = &claims[..claims.len().min(usize::from(count % (MOST_ITEMS + 1)))];
    let proof = &rest[claims.len() * 3..];
    let claims: Vec<Claim> = claims.iter().map(Claim::new).collect();
    let state = state();
    let tree = tree_of(&state);
    if let Ok(proof) = decode_canonical::<MultiProof>(proof) {
        check_many(&proof, &claims, &state);
    }
    if let Some(first) = claims.first()
        && let Ok(proof) = decode_canonical::<StateProof>(proof)
    {
        let value = first.value.as_deref();
        let shown = proof.verify(&tree.root(), &first.key, value).is_ok();
        assert!(!shown || first.holds(&state), "a proof shows what is not");
    }
    let paths: Vec<Hash> = claims
        .iter()
        .map(|claim| tree::path_of(&claim.key))
        .collect();
    match MultiProof::assemble(&paths, |path| Ok(tree.prove(path))) {
        Ok(proof) => {
            let distinct = paths
                .iter()
                .enumerate()
                .all(|(at, path)| !paths[..at].contains(path));
            let is_true = distinct && claims.iter().all(|claim| claim.holds(&state));
            assert_eq!(check_many(&proof, &claims, &state), is_true);
        }
        Err(error) => assert_eq!((error, claims.len()), (ProofError::NoKeys, 0)),
    }
}

/// Whether a proof shows the claims; if it does they are true, and so is the root after the changes.
fn check_many(proof: &MultiProof, claims: &[Claim], state: &Values) -> bool {
    let root = tree_of(state).root();
    let items: Vec<KeyValue<'_>> = claims
        .iter()
        .map(|claim| (&claim.key[..], claim.value.as_deref()))
        .collect();
    if proof.verify(&root, &items).is_err() {
        return false;
    }
    assert!(
        claims.iter().all(|claim| claim.holds(state)),
        "a proof shows what is not"
    );
    let (mut changed, mut after) = (Vec::new(), state.clone());
    for Claim { key, change, .. } in claims {
        let Some(change) = change else { continue };
        changed.push((&key[..], change.as_deref()));
        match change {
            Some(value) => after.insert(key.clone(), value.clone()),
            None => after.remove(key),
        };
    }
    let computed = proof.verify_update(&root, &items, &changed);
    assert_eq!(computed, Ok(tree_of(&after).root()));
    true
}

/// An input of [`proof_verify`]: true claims about these keys and their proof.
#[must_use]
pub fn proof_sample(keys: &[u8]) -> Vec<u8> {
    let (state, mut bytes) = (
        state(),
        vec![u8::try_from(keys.len()).unwrap_or(MOST_ITEMS)],
    );
    for (key, change) in keys.iter().zip((0..3).cycle()) {
        let value = state.get(&[*key][..]).map_or(0, |value| value[0]);
        bytes.extend([*key, value, change]);
    }
    let tree = tree_of(&state);
    let paths: Vec<Hash> = keys.iter().map(|key| tree::path_of(&[*key])).collect();
    let proof = MultiProof::assemble(&paths, |path| Ok::<_, ProofError>(tree.prove(path)));
    bytes.extend(ordlane_primitives::codec::encode(
        &proof.expect("a few keys"),
    ));
    bytes
}

/// Any bytes as a witness, without its checksum; one that is decoded has the same file as it has bytes.
#[must_use]
pub fn witness_decode(bytes: &[u8]) -> Option<BlockWitness> {
    let witness = decode_canonical::<BlockWitness>(bytes).ok()?;
    assert_eq!(witness.encoded_bytes(), bytes.len());
    let file = witness.to_bytes();
    assert_eq!(BlockWitness::from_bytes(&file).as_ref(), Ok(&witness));
    Some(witness)
}
