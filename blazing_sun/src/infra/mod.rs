//! One thin adapter for each service, each with its own `Settings`.

pub mod blobs;
pub mod kafka;
pub mod migrations;
pub mod postgres;
pub mod rabbitmq;
pub mod redis;
pub mod services;
pub mod smtp;
pub mod traces;
