//! What the public pipeline is made of: nothing that can change under the same name.

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_action_is_pinned_by_digest_and_no_job_may_do_everything() {
    let mut seen = 0;
    for file in std::fs::read_dir(format!("{ROOT}/.github/workflows")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\npermissions:\n  contents: read\n"), "{} may do more than read", path.display());
        for line in text.lines().filter(|line| line.contains("uses: ")) {
            let pinned = line.split('@').nth(1).map(|rest| rest.split_whitespace().next().unwrap_or_default());
            let digest = pinned.is_some_and(|p| p.len() == 40 && p.chars().all(|c| c.is_ascii_hexdigit()));
            assert!(digest && line.contains(" # v"), "{}: {line}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen} actions");
}

#[test]
fn the_image_runs_as_nobody_with_nothing_else_in_it() {
    let text = std::fs::read_to_string(format!("{ROOT}/deploy/Dockerfile")).unwrap();
    let last = text.split("\nFROM ").last().unwrap();
    assert!(last.starts_with("scratch\n"), "{last}");
    assert!(last.contains("\nUSER 65532:65532\n"), "{last}");
    let chart = std::fs::read_to_string(format!("{ROOT}/charts/asr-operator/templates/_names.tpl")).unwrap();
    assert!(chart.contains("runAsUser: 65532"), "the chart runs it as somebody else");
}
