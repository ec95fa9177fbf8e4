//! The command lines in the README and in `docs/`: every command and every option that they name is there.

use std::fs;
use std::path::Path;

use clap::CommandFactory;

use super::Cli;

/// Each call of `roost` in `text`, as words.
fn calls(text: &str) -> Vec<Vec<String>> {
    let mut calls: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let mut call: Option<Vec<String>> = None;
        for word in line.split_whitespace() {
            // Code begins at a line's begin, a backtick or a shell's parenthesis; `roost` alone is the program's name.
            if matches!(word, "roost" | "`roost" | "$(roost") || word.ends_with("=$(roost") {
                calls.extend(call.replace(Vec::new()));
                continue;
            }
            let Some(words) = &mut call else { continue };
            if matches!(word, "|" | "||" | "&&" | "&" | ">" | "--" | "=") || word.starts_with('#') {
                calls.extend(call.take());
                continue;
            }
            let bare = word.trim_end_matches([',', '.', ':', ';', ')']);
            words.push(bare.trim_end_matches(['`', ')', '"']).to_owned());
            if bare.ends_with(['`', ')']) {
                calls.extend(call.take());
            }
        }
        calls.extend(call);
    }
    calls
}

/// What is wrong with a call.
fn fault(root: &clap::Command, words: &[String]) -> Option<String> {
    let mut command = root;
    for word in words {
        if let Some(option) = word.strip_prefix("--") {
            let option = option.split('=').next().unwrap_or(option);
            let mut arguments = command.get_arguments().chain(root.get_arguments());
            if !arguments.any(|argument| argument.get_long() == Some(option)) {
                return Some(format!("`{}` has no option --{option}", command.get_name()));
            }
        } else if command.has_subcommands() {
            match command.find_subcommand(word) {
                Some(found) => command = found,
                None => return Some(format!("`{}` has no command {word}", command.get_name())),
            }
        }
    }
    None
}

#[test]
fn every_command_and_option_that_is_documented_is_there() {
    let mut root = Cli::command();
    root.build();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = fs::read_dir(repository.join("docs")).unwrap();
    let pages = folder.map(|entry| entry.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|extension| extension == "md"));
    let (mut count, mut faults) = (0, Vec::new());
    for page in pages.chain([repository.join("README.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        for call in calls(&text) {
            count += 1;
            let found = fault(&root, &call);
            faults
                .extend(found.map(|fault| format!("{}: {fault}: roost {}", page.display(), call.join(" "))));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(count > 50, "only {count} calls were found");
}

#[test]
fn what_is_not_there_is_found() {
    let mut root = Cli::command();
    root.build();
    for (text, expected) in [
        ("`roost` looks at `roost fly me`", Some("no command fly")),
        ("    roost ls --some  # all", Some("no option --some")),
        ("ID=$(roost create base --timeout 5m)", None),
        (
            "roost nats creds host h1 --dir /x && roost log frob",
            Some("no command frob"),
        ),
        ("`roost exec ID -- ls --nothing`", None),
    ] {
        let found: Vec<_> = calls(text).iter().filter_map(|call| fault(&root, call)).collect();
        assert_eq!(found.len(), usize::from(expected.is_some()), "{text}: {found:?}");
        assert!(
            expected.is_none_or(|expected| found[0].contains(expected)),
            "{text}: {found:?}"
        );
    }
}
