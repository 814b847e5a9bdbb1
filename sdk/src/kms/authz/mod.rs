//! Who may do what: key policies, IAM policies and grants, decided as AWS KMS documents it.
//!
//! Everything here is a pure function. [`decide`](decide::decide) is given one question and answers with the reason;
//! nothing reads a clock or a file. Sources: *AWS KMS Developer Guide*, "Determining access to AWS KMS keys", "Key
//! policies", "Grants", and *IAM User Guide*, "Policy evaluation logic" and "Condition operators".

pub mod cases;
pub mod condition;
pub mod context;
pub mod decide;
pub mod glob;
pub mod grant;
pub mod policy;
pub mod principal;
mod variable;

pub use context::Context;
pub use decide::{Decision, Question, Resource, decide};
pub use policy::Policy;
pub use principal::Principal;
