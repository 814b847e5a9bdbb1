//! The row signature: the signed record and its MAC (SIG-1, SIG-2).
