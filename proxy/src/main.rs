//! The `pgseal` command: see `pgseal_proxy::cli`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    pgseal_proxy::cli::main()
}
