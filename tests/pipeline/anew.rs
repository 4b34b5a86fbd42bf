//! Clients of Kafka that stand still.
