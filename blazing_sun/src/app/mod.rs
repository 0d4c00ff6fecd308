//! Puts the rooms together: configuration, routes, the running application and the commands around it.

pub mod application;
pub mod catalogue;
pub mod commands;
pub mod config;
pub mod contracts;
mod dev_mails;
pub mod doctor;
pub mod first_administrator;
pub mod healthcheck;
mod home;
pub mod instances;
pub mod log_levels;
pub mod logging;
pub mod measured;
pub mod roles;
pub mod routes;
pub mod schedules;
pub mod signals;
pub mod wiring;
