fn main() -> std::process::ExitCode {
    labs::cli::main().into()
}
