// SPDX-License-Identifier: Apache-2.0
//! What was written comes back: all of it, its end, or what is asked for.

use logs::{Query, Stream, Streams, Writer};

use crate::{ID, KEEPING, at, driver, entries, read, text, who, written};

#[test]
fn both_streams_come_back_whole_however_they_were_cut() {
    let long = "x".repeat(40_000) + "\n";
    let output = format!("a\n\n{long}é\u{2028}<\t\u{7f}\nno end");
    let errors = format!("{}\nb\n", "y".repeat(16 << 10));
    for name in KEEPING {
        for size in [1, 7, 4096, 1 << 20] {
            let place = tempfile::tempdir().unwrap();
            let mut log = Writer::open(&driver(name, &[]), place.path(), &who()).unwrap();
            for (bytes, stream) in [(output.as_bytes(), Stream::Stdout), (errors.as_bytes(), Stream::Stderr)]
            {
                for piece in bytes.chunks(size) {
                    log.write(stream, piece, at(0)).unwrap();
                }
            }
            log.close();
            let found = entries(place.path(), &driver(name, &[]), &Query::default());
            assert!(text(&found, Stream::Stdout) == output.as_bytes(), "{name}, {size}");
            assert!(text(&found, Stream::Stderr) == errors.as_bytes(), "{name}, {size}");
        }
    }
}

/// A binary stream is kept whole by `local` only; JSON has no place for what is no text.
#[test]
fn local_keeps_bytes_as_they_are() {
    let place = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    let mut log = Writer::open(&driver("local", &[]), place.path(), &who()).unwrap();
    log.write(Stream::Stdout, &bytes, at(0)).unwrap();
    log.close();
    assert_eq!(text(&entries(place.path(), &driver("local", &[]), &Query::default()), Stream::Stdout), bytes);
}

#[test]
fn the_end_is_found_across_rotations() {
    for name in KEEPING {
        for compress in ["true", "false"] {
            let place = tempfile::tempdir().unwrap();
            let driver = driver(name, &[("max-size", "1k"), ("max-file", "4"), ("compress", compress)]);
            written(place.path(), &driver, (0..200).map(|number| format!("line {number}\n")));
            let all = entries(place.path(), &driver, &Query::default());
            assert!(all.len() > 20 && all.len() < 200, "{name}: {}", all.len());
            assert_eq!(all.last().unwrap().bytes, b"line 199");
            for tail in (0..=all.len() + 3).chain([usize::MAX]) {
                let query = Query { tail: Some(tail as u64), ..Query::default() };
                let found = entries(place.path(), &driver, &query);
                assert!(
                    found == all[all.len().saturating_sub(tail)..],
                    "{name}, compress {compress}, {tail}"
                );
            }
        }
    }
}

/// As Docker counts: the line that fills a file is in it.
#[test]
fn files_are_full_when_docker_says_so() {
    let place = tempfile::tempdir().unwrap();
    let driver = driver("json-file", &[("max-size", "1k"), ("max-file", "3")]);
    // All in one write, which is more than one file.
    written(place.path(), &driver, [(0..100).map(|number| format!("line {number}\n")).collect::<String>()]);
    for age in ["", ".1", ".2"] {
        let file = std::fs::read(place.path().join(format!("{ID}-json.log{age}"))).unwrap();
        let last = file[..file.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        assert!(last < 1000, "{age}");
        assert!(age.is_empty() || file.len() >= 1000, "{age}");
    }
    assert!(!place.path().join(format!("{ID}-json.log.3")).exists());
}

/// A front that is no log is not met when only the end is asked for.
#[test]
fn the_end_is_read_from_the_end() {
    for name in KEEPING {
        let place = tempfile::tempdir().unwrap();
        let driver = driver(name, &[("max-size", "10g")]);
        written(place.path(), &driver, (0..100).map(|number| format!("line {number}\n")));
        let file = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path());
        let file =
            file.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "log")).unwrap();
        let lines = std::fs::read(&file).unwrap();
        let sparse = std::fs::File::options().write(true).open(&file).unwrap();
        sparse.set_len(0).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, &lines, 4 << 30).unwrap();
        let query = Query { tail: Some(10), ..Query::default() };
        let found = entries(place.path(), &driver, &query);
        assert_eq!(found.len(), 10, "{name}");
        assert_eq!(found[0].bytes, b"line 90");
    }
}

#[test]
fn times_and_streams_are_chosen() {
    for name in KEEPING {
        let place = tempfile::tempdir().unwrap();
        let driver = driver(name, &[]);
        let mut log = Writer::open(&driver, place.path(), &who()).unwrap();
        // The clock jumps back in the middle.
        for (second, stream) in
            [(0, Stream::Stdout), (5, Stream::Stderr), (2, Stream::Stdout), (3, Stream::Stderr)]
        {
            log.write(stream, format!("{second}\n").as_bytes(), at(second)).unwrap();
        }
        log.close();
        let lines = |query: Query| text(&entries(place.path(), &driver, &query), Stream::Stdout);
        let errors = |query: Query| text(&entries(place.path(), &driver, &query), Stream::Stderr);
        let usual = Query::default();
        assert_eq!(lines(Query { since: Some(at(2)), ..usual }), b"2\n");
        assert_eq!(errors(Query { since: Some(at(2)), ..usual }), b"5\n3\n");
        assert_eq!(errors(Query { until: Some(at(4)), ..usual }), b"3\n");
        assert_eq!(lines(Query { streams: Streams::Stderr, ..usual }), b"");
        assert_eq!(errors(Query { tail: Some(2), ..usual }), b"3\n");
        assert_eq!(lines(Query { tail: Some(2), streams: Streams::Stdout, ..usual }), b"2\n");
    }
}

#[test]
fn a_second_writer_goes_on() {
    for name in KEEPING {
        let place = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            written(place.path(), &driver(name, &[]), ["a\n".to_owned(), "b\n".to_owned()]);
        }
        let found = entries(place.path(), &driver(name, &[]), &Query::default());
        assert_eq!(text(&found, Stream::Stdout), b"a\nb\na\nb\na\nb\n");
    }
}

#[test]
fn where_nothing_is_kept_nothing_is_read() {
    let place = tempfile::tempdir().unwrap();
    for name in ["none", "syslog", "journald"] {
        let error = logs::read(place.path(), ID, &driver(name, &[]), &Query::default()).unwrap_err();
        assert_eq!(error.to_string(), "configured logging driver does not support reading");
    }
    assert!(read(place.path(), &driver("local", &[]), &Query::default()).is_empty());
    written(place.path(), &driver("none", &[]), ["x\n".to_owned()]);
    assert_eq!(place.path().read_dir().unwrap().count(), 0);
}

#[test]
fn logs_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    for name in KEEPING {
        let driver = driver(name, &[("max-size", "10"), ("max-file", "3"), ("compress", "true")]);
        written(place.path(), &driver, (0..5).map(|number| format!("{number}\n")));
    }
    for entry in place.path().read_dir().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    // A link in the place of a log is not followed.
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/null", other.path().join(format!("{ID}-json.log"))).unwrap();
    assert!(Writer::open(&driver("json-file", &[]), other.path(), &who()).is_err());
}
