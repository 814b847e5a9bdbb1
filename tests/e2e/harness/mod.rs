//! What every test stands on: a database, a proxy in front of it, and eyes on everything between.

pub(crate) mod cluster;
pub(crate) mod leaks;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod scratch;
pub(crate) mod world;

pub(crate) use world::World;
