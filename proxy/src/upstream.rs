//! libpq's connection URLs and keywords: hosts, user, password sources, sslmode; what this version cannot do is refused.
