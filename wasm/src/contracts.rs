//! All contracts that a process knows: those in Rust at their addresses, and those that an engine has made of code.
//!
//! Invariant: what is kept is a function of code and schedule alone, so who made it ready, and whether it was kept at all,
//! changes no result. Nothing that a transaction did is kept here.

use std::{collections::HashMap, sync::Arc};

use ordlane_primitives::{Address, GasSchedule, Hash, hash::code_hash};

use crate::{
    Contract, ContractEngine, Fault,
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
    /// Whether hosts are asked for code that is kept ready, too.
    asks_always: bool,
}

impl Contracts {
    /// Contracts that `engine` makes of code. What it has made takes about `cache_bytes` of memory at most.
    #[must_use]
    pub fn new(engine: Arc<dyn ContractEngine>, cache_bytes: usize) -> Self {
        Self {
            engine,
            natives: HashMap::new(),
            cache: Cache::new(cache_bytes),
            asks_always: false,
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

    /// The same contracts for whoever records what hosts are asked: each transaction asks for the code of every contract
    /// that it calls, whatever is kept ready.
    #[must_use]
    pub fn recorded(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            natives: self.natives.clone(),
            cache: Cache::new(self.cache.limit_bytes()),
            asks_always: true,
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

    /// Whether there is a contract in Rust at an address.
    #[must_use]
    pub fn has_native(&self, address: &Address) -> bool {
        self.natives.contains_key(address)
    }

    /// Makes the code of a contract ready as a deployment would, and keeps it.
    ///
    /// # Errors
    /// [`Fault::InvalidCode`], and [`Fault::System`] when the engine fails.
    pub fn check(&self, code: &[u8], schedule: &'static GasSchedule) -> Result<(), Fault> {
        self.prepare(&code_hash(code), schedule, code).map(drop)
    }

    /// The contract that the code with a hash makes, if it is ready, with the length of that code.
    pub(crate) fn ready(
        &self,
        hash: &Hash,
        schedule: &'static GasSchedule,
    ) -> Option<(Arc<dyn Contract>, usize)> {
        if self.asks_always {
            return None;
        }
        let (prepared, code_bytes) = self.cache.get(&(*hash, schedule.version))?;
        Some((prepared.ok()?, code_bytes))
    }

    /// The contract that the code with a hash makes.
    pub(crate) fn prepare(
        &self,
        hash: &Hash,
        schedule: &'static GasSchedule,
        code: &[u8],
    ) -> Result<Arc<dyn Contract>, Fault> {
        let key = (*hash, schedule.version);
        self.cache.get_or_make(key, code.len(), || {
            let prepared = self.engine.prepare(code, schedule);
            prepared.map_err(Fault::from)
        })
    }
}
