//! All contracts that a process knows: those in Rust at their addresses, and those that an engine has made of code.
//!
//! Invariant: what is kept is a function of code and schedule alone, so who made it ready, and whether it was kept at all,
//! changes no result. Nothing that a transaction did is kept here.

use std::{collections::HashMap, sync::Arc};

use ordlane_primitives::{Address, GasSchedule, Hash};

use crate::{
    Contract, ContractEngine, Fault, Interrupt,
    cache::{Cache, CacheStats},
};

/// What prepared contracts take of memory at most, about, in bytes, if nothing else is said: 128 MiB.
pub const DEFAULT_CACHE_BYTES: usize = 128 * 1024 * 1024;

/// What finds and prepares contracts. It is shared by all threads.
#[derive(Debug)]
pub struct Contracts {
    engine: Arc<dyn ContractEngine>,
    natives: HashMap<Address, Arc<dyn Contract>>,
    cache: Cache,
}

impl Contracts {
    /// Contracts that `engine` makes of code. What it has made takes about `cache_bytes` of memory at most.
    #[must_use]
    pub fn new(engine: Arc<dyn ContractEngine>, cache_bytes: usize) -> Self {
        Self {
            engine,
            natives: HashMap::new(),
            cache: Cache::new(cache_bytes),
        }
    }

    /// With a contract in Rust at an address, where code cannot be deployed.
    ///
    /// Which ones there are is a rule of the chain: all who execute it need the same ones. Addresses for them are
    /// [`Address::native`] of numbers from 1,024 on; lower ones are the protocol's.
    #[must_use]
    pub fn with_native(mut self, address: Address, contract: Arc<dyn Contract>) -> Self {
        self.natives.insert(address, contract);
        self
    }

    /// The same contracts, none of which is prepared yet.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            natives: self.natives.clone(),
            cache: Cache::new(self.cache.limit_bytes()),
        }
    }

    /// How often prepared contracts were found, and what is kept.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// The contract in Rust at an address.
    pub(crate) fn native(&self, address: &Address) -> Option<Arc<dyn Contract>> {
        self.natives.get(address).cloned()
    }

    /// The contract that the code with a hash makes. `code` is asked for where it is not prepared.
    pub(crate) fn prepare<C: AsRef<[u8]>>(
        &self,
        hash: &Hash,
        schedule: &'static GasSchedule,
        code: impl FnOnce() -> Result<C, Interrupt>,
    ) -> Result<Arc<dyn Contract>, Fault> {
        let key = (*hash, schedule.version);
        if let Some(prepared) = self.cache.get(&key) {
            return prepared;
        }
        // Not while others wait for the entry: that this host ends its execution is no answer for them.
        let code = code()?;
        self.cache.get_or_make(key, || {
            let prepared = self.engine.prepare(code.as_ref(), schedule);
            prepared.map_err(Fault::from)
        })
    }
}
