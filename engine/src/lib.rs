//! Many lanes, one order: parallel execution of signed transactions with sequential results
