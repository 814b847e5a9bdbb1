//! Searchable tags by HKDF and HMAC, the AWS Database Encryption SDK's construction (BCN-1, BCN-2).
