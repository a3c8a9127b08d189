//! Receipts and events: what a block says that its transactions did.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Address, Amount, ErrorClass, ErrorCode, Gas, Hash, TxId,
    codec::{Bounded, BoundedBytes, Canonical, DecodeCause},
    hash::{Domain, tagged},
    limits::{
        MAX_BLOCK_TXS, MAX_EVENT_DATA_BYTES, MAX_EVENT_TOPICS, MAX_RECEIPT_EVENTS,
        MAX_RECEIPTS_BYTES, MAX_RETURN_DATA_BYTES,
    },
};

/// The indexed words of an event; the first is the hash of its name.
pub type Topics = Bounded<Hash, MAX_EVENT_TOPICS>;
/// The data of an event.
pub type EventData = BoundedBytes<MAX_EVENT_DATA_BYTES>;
/// What a transaction returned.
pub type ReturnData = BoundedBytes<MAX_RETURN_DATA_BYTES>;

/// Something that a transaction made known.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Event {
    /// Who emits: a contract, or a module of the protocol.
    pub emitter: Address,
    /// At most four words to search by.
    pub topics: Topics,
    /// Anything else.
    pub data: EventData,
}

impl Event {
    /// The first topic of events with this name.
    #[must_use]
    pub fn name_topic(name: &str) -> Hash {
        tagged(Domain::EventName, &[name.as_bytes()])
    }

    /// The event of a transfer: emitted by the token module, topics `Transfer`, from, to; data: the amount, 16 bytes
    /// little-endian.
    #[must_use]
    pub fn transfer(from: Address, to: Address, amount: Amount) -> Self {
        let topics = Topics::new(vec![Self::name_topic("Transfer"), from.into(), to.into()]);
        let data = EventData::new(amount.0.to_le_bytes().to_vec());
        debug_assert!(
            topics.is_ok() && data.is_ok(),
            "three topics and 16 bytes are within the limits"
        );
        Self {
            emitter: Address::token_module(),
            topics: topics.unwrap_or_default(),
            data: data.unwrap_or_default(),
        }
    }
}

/// How a transaction ended: 0 for success, else the code of a runtime error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceiptStatus {
    /// It did what it said.
    Success,
    /// It changed nothing but nonce and fee. The code is always of the runtime class.
    Failed(ErrorCode),
}

impl ReceiptStatus {
    /// The number in the encoding.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Success => 0,
            Self::Failed(error) => error.code(),
        }
    }
}

impl BorshSerialize for ReceiptStatus {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.code().serialize(writer)
    }
}

impl BorshDeserialize for ReceiptStatus {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let code = u16::deserialize_reader(reader)?;
        match ErrorCode::from_code(code) {
            _ if code == 0 => Ok(Self::Success),
            Some(error) if error.class() == ErrorClass::Runtime => Ok(Self::Failed(error)),
            _ => Err(DecodeCause::NotCanonical {
                field: "receipt status",
                rule: "it is 0 or a runtime code",
            }
            .into()),
        }
    }
}

/// The result of one transaction. It carries no state root: only blocks have one.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// Which transaction.
    pub tx_id: TxId,
    /// How it ended.
    pub status: ReceiptStatus,
    /// The gas that it is charged for, after refunds.
    pub gas_used: Gas,
    /// What it paid: `gas_used` times its gas price.
    pub fee: Amount,
    /// What it made known; empty when it failed.
    pub events: Bounded<Event, MAX_RECEIPT_EVENTS>,
    /// What it returned.
    pub return_data: ReturnData,
}

impl Receipt {
    /// The length of its encoding in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let of_event = |event: &Event| {
            let topics = event.topics.len().saturating_mul(32);
            (32_usize + 4 + 4)
                .saturating_add(topics)
                .saturating_add(event.data.len())
        };
        let events = self.events.iter().map(of_event);
        events.fold(
            Self::MIN_BYTES.saturating_add(self.return_data.len()),
            usize::saturating_add,
        )
    }
}

/// The receipts of a block, in order.
pub type Receipts = Bounded<Receipt, MAX_BLOCK_TXS>;

impl Canonical for Receipts {
    const NAME: &'static str = "receipts";
    const MIN_BYTES: usize = 4;
    const MAX_BYTES: usize = MAX_RECEIPTS_BYTES;
}

impl Canonical for Receipt {
    const NAME: &'static str = "receipt";
    const MIN_BYTES: usize = 32 + 2 + 8 + 16 + 4 + 4;
    const MAX_BYTES: usize = Self::MIN_BYTES
        + MAX_RETURN_DATA_BYTES
        + MAX_RECEIPT_EVENTS * (32 + 4 + 32 * MAX_EVENT_TOPICS + 4 + MAX_EVENT_DATA_BYTES);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode;

    #[test]
    fn the_length_of_an_encoding_is_known_without_it() {
        let transfer = Event::transfer(Address::ZERO, Address::ZERO, Amount(1));
        for (events, returned) in [(0, 0), (1, 0), (2, 5)] {
            let receipt = Receipt {
                tx_id: Hash::ZERO,
                status: ReceiptStatus::Success,
                gas_used: Gas(1),
                fee: Amount(2),
                events: Bounded::new(vec![transfer.clone(); events]).unwrap(),
                return_data: ReturnData::new(vec![1; returned]).unwrap(),
            };
            assert_eq!(receipt.encoded_len(), encode(&receipt).len());
        }
    }
}
