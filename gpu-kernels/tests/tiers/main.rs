//! Every tier, and the GPU, gives the verdicts and digests of the definition, and of independent implementations.

#[cfg(test)]
mod cases;
#[cfg(feature = "gpu")]
#[cfg(test)]
mod gpu;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod hashes;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod sets;
#[cfg(test)]
mod signatures;

#[cfg(test)]
mod settings {
    use ordlane_gpu_kernels::{
        DispatchError, Dispatcher, DispatcherConfig, HashTier, SignatureTier, TierState,
        hash_tier_state, signature_tier_state,
    };

    #[test]
    fn a_tier_is_used_when_it_is_asked_for_and_refused_when_it_cannot_be() {
        for tier in SignatureTier::ALL {
            let made = Dispatcher::new(DispatcherConfig {
                signatures: Some(tier),
                ..DispatcherConfig::default()
            });
            match (signature_tier_state(tier), made) {
                (TierState::Usable, Ok(dispatcher)) => {
                    assert_eq!(dispatcher.signature_tier(), tier);
                    assert_eq!(dispatcher.tier(), tier.name());
                }
                (TierState::Absent, Err(DispatchError::Tier { state, .. })) => {
                    assert_eq!(state, TierState::Absent);
                }
                (state, made) => panic!("{tier:?}: {state:?}, {made:?}"),
            }
        }
        for tier in HashTier::ALL {
            let made = Dispatcher::new(DispatcherConfig {
                hashes: Some(tier),
                ..DispatcherConfig::default()
            });
            match (hash_tier_state(tier), made) {
                (TierState::Usable, Ok(dispatcher)) => assert_eq!(dispatcher.hash_tier(), tier),
                (TierState::Absent, Err(DispatchError::Tier { state, .. })) => {
                    assert_eq!(state, TierState::Absent);
                }
                (state, made) => panic!("{tier:?}: {state:?}, {made:?}"),
            }
        }
    }

    #[test]
    fn the_fastest_usable_tier_is_used_when_none_is_asked_for() {
        let dispatcher = Dispatcher::new(DispatcherConfig::default()).unwrap();
        let fastest = SignatureTier::ALL
            .into_iter()
            .rfind(|tier| signature_tier_state(*tier) == TierState::Usable);
        assert_eq!(Some(dispatcher.signature_tier()), fastest);
        let fastest = HashTier::ALL
            .into_iter()
            .rfind(|tier| hash_tier_state(*tier) == TierState::Usable);
        assert_eq!(Some(dispatcher.hash_tier()), fastest);
    }
}
