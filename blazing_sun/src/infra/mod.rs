//! One thin adapter for each service, each with its own `Settings`, the declaration of what is measured, and what keeps lines
//! from being said over and over.

pub mod blobs;
pub mod kafka;
pub mod measures;
pub mod migrations;
pub mod postgres;
pub mod rabbitmq;
pub mod redis;
pub mod seldom;
pub mod services;
pub mod smtp;
pub mod traces;
