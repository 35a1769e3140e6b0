//! Published vectors, and everything that must not open.

use aes_kw::KwAes256;
use aes_kw::cipher::KeyInit as _;
use proptest::prelude::*;

use super::*;

const BINDING: Binding<'_> =
    Binding { tenant: "acme", key: "grant/7", lineage: "l-1", generation: 3, field: "refresh-token" };
const DATA_KEY: [u8; 32] = [7; 32];
const PLAINTEXT: &[u8] = b"doau-plaintext-canary";

fn wrapped() -> WrappedKey {
    WrappedKey { algorithm: String::from("A256KW"), key_id: String::from("k1"), encrypted_key: vec![9; 40] }
}

fn prepared() -> PreparedSeal {
    PreparedSeal::new(Zeroizing::new(DATA_KEY), [5; 12], wrapped()).unwrap()
}

fn sealed() -> String {
    seal(prepared(), &BINDING, PLAINTEXT).unwrap()
}

/// Opens like the product does, with the right data key whatever the value says about it.
fn opens(compact: &str) -> bool {
    parse(compact).is_ok_and(|sealed| sealed.open(&DATA_KEY, &BINDING).is_ok())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_sealed_value_opens_with_its_key_and_binding() {
    let parsed = parse(&sealed()).unwrap();
    assert_eq!(parsed.wrapped_key().algorithm, "A256KW");
    assert_eq!(parsed.wrapped_key().key_id, "k1");
    assert_eq!(parsed.wrapped_key().encrypted_key, vec![9; 40]);
    assert_eq!(parsed.open(&DATA_KEY, &BINDING).unwrap().as_slice(), PLAINTEXT);
}

#[test]
fn nothing_of_the_plaintext_stands_in_the_sealed_value() {
    let compact = sealed();
    assert!(!compact.contains("canary"));
    assert!(!compact.contains(&URL_SAFE_NO_PAD.encode(PLAINTEXT)));
}

#[test]
fn a_value_moved_to_another_tenant_record_lineage_generation_or_field_does_not_open() {
    for elsewhere in [
        Binding { tenant: "globex", ..BINDING },
        Binding { key: "grant/8", ..BINDING },
        Binding { lineage: "l-2", ..BINDING },
        Binding { generation: 2, ..BINDING },
        Binding { field: "access-token", ..BINDING },
    ] {
        assert_eq!(parse(&sealed()).unwrap().open(&DATA_KEY, &elsewhere), Err(OpenError), "{elsewhere:?}");
    }
}

#[test]
fn a_value_moved_together_with_a_forged_binding_does_not_open() {
    let elsewhere = Binding { tenant: "globex", ..BINDING };
    let forged = Header::new(String::from("A256KW"), String::from("k1"), elsewhere.digest()).encode().unwrap();
    let compact = sealed();
    let (_, rest) = compact.split_once('.').unwrap();
    let moved = parse(&format!("{forged}.{rest}")).unwrap();
    assert_eq!(moved.open(&DATA_KEY, &elsewhere), Err(OpenError));
}

#[test]
fn another_data_key_does_not_open_it() {
    assert_eq!(parse(&sealed()).unwrap().open(&[8; 32], &BINDING), Err(OpenError));
    assert_eq!(parse(&sealed()).unwrap().open(&DATA_KEY[..16], &BINDING), Err(OpenError));
    assert_eq!(parse(&sealed()).unwrap().open(&[], &BINDING), Err(OpenError));
}

#[test]
fn no_bit_of_header_iv_ciphertext_or_tag_can_be_flipped() {
    let compact = sealed();
    let parts: Vec<Vec<u8>> = compact.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    for part in [0, 2, 3, 4] {
        for bit in 0..parts[part].len() * 8 {
            let mut changed = parts.clone();
            changed[part][bit / 8] ^= 1 << (bit % 8);
            let changed: Vec<String> = changed.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
            assert!(!opens(&changed.join(".")), "part {part}, bit {bit}");
        }
    }
}

#[test]
fn a_truncated_or_lengthened_value_does_not_open() {
    let compact = sealed();
    for length in 0..compact.len() {
        assert!(!opens(&compact[..length]), "{length}");
    }
    for tail in ["A", "=", ".", ".AA", "\n"] {
        assert!(!opens(&format!("{compact}{tail}")), "{tail:?}");
    }
}

#[test]
fn parts_of_two_values_do_not_mix() {
    let other = PreparedSeal::new(Zeroizing::new(DATA_KEY), [6; 12], wrapped()).unwrap();
    let other = seal(other, &BINDING, b"another-plaintext-can").unwrap();
    let (one, other): (Vec<_>, Vec<_>) = (sealed().split('.').map(String::from).collect(), other.split('.').collect());
    for part in [2, 3, 4] {
        let mut mixed = one.clone();
        mixed[part] = String::from(other[part]);
        assert!(!opens(&mixed.join(".")), "part {part}");
    }
}

#[test]
fn padding_other_alphabets_and_stray_bits_are_refused() {
    let compact = sealed();
    let parts: Vec<&str> = compact.split('.').collect();
    // A tag of 16 bytes leaves four unused bits in its last character, A, Q, g or w: any other is a second spelling.
    let respelled = |tag: &str| [parts[0], parts[1], parts[2], parts[3], tag].join(".");
    assert_eq!(parse(&respelled("AAAAAAAAAAAAAAAAAAAAAB")).err(), Some(SealedError::Encoding));
    assert_eq!(parse(&respelled("AAAAAAAAAAAAAAAAAAAAAA==")).err(), Some(SealedError::Encoding));
    assert_eq!(parse(&respelled("++AAAAAAAAAAAAAAAAAAAA")).err(), Some(SealedError::Encoding));
    assert!(parse(&respelled("AAAAAAAAAAAAAAAAAAAAAA")).is_ok());
}

#[test]
fn parts_of_the_wrong_number_or_length_are_refused() {
    let compact = sealed();
    let parts: Vec<&str> = compact.split('.').collect();
    assert_eq!(parse(&parts[..4].join(".")).err(), Some(SealedError::Parts));
    assert_eq!(parse(&format!("{compact}.")).err(), Some(SealedError::Parts));
    assert_eq!(parse(&[parts[0], "", parts[2], parts[3], parts[4]].join(".")).err(), Some(SealedError::WrappedKey));
    assert_eq!(parse(&[parts[0], parts[1], "AAAA", parts[3], parts[4]].join(".")).err(), Some(SealedError::Length));
    assert_eq!(parse(&[parts[0], parts[1], parts[2], parts[3], "AAAA"].join(".")).err(), Some(SealedError::Length));
    assert_eq!(parse(&"A".repeat(MAX_COMPACT_BYTES + 1)).err(), Some(SealedError::Length));
}

#[test]
fn the_longest_value_seals_and_opens_and_a_longer_one_is_refused() {
    let longest = WrappedKey {
        algorithm: "a".repeat(32),
        key_id: "k".repeat(64),
        encrypted_key: vec![9; MAX_ENCRYPTED_KEY_BYTES],
    };
    let prepared_longest = PreparedSeal::new(Zeroizing::new(DATA_KEY), [5; 12], longest).unwrap();
    let compact = seal(prepared_longest, &BINDING, &[b'x'; MAX_PLAINTEXT_BYTES]).unwrap();
    assert!(opens(&compact));
    assert_eq!(seal(prepared(), &BINDING, &[b'x'; MAX_PLAINTEXT_BYTES + 1]).err(), Some(SealedError::Length));
}

#[test]
fn a_wrapped_key_outside_the_contract_is_refused_before_anything_is_sealed() {
    let refused = [
        WrappedKey { algorithm: String::from("dir"), ..wrapped() },
        WrappedKey { key_id: String::new(), ..wrapped() },
        WrappedKey { encrypted_key: Vec::new(), ..wrapped() },
        WrappedKey { encrypted_key: vec![0; MAX_ENCRYPTED_KEY_BYTES + 1], ..wrapped() },
    ];
    for wrapped in refused {
        let prepared = PreparedSeal::new(Zeroizing::new(DATA_KEY), [5; 12], wrapped);
        assert_eq!(prepared.err(), Some(SealedError::WrappedKey));
    }
}

#[test]
fn debug_shows_no_data_key() {
    assert_eq!(format!("{:?}", prepared()), "PreparedSeal(…)");
}

/// Content encryption of RFC 7516 Appendix A.1 (its key encryption is RSA-OAEP, which is not used here).
#[test]
fn rfc_7516_appendix_a_1_content_is_encrypted_and_decrypted() {
    let data_key: [u8; 32] = [
        177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7, 110, 91, 112, 46, 34, 105,
        47, 130, 203, 46, 122, 234, 64, 252,
    ];
    let iv: [u8; 12] = [227, 197, 117, 252, 2, 219, 233, 68, 180, 225, 77, 219];
    let header = b"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
    let plaintext = b"The true sign of intelligence is not knowledge but imagination.";
    let ciphertext = "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A";
    let mut buffer = plaintext.to_vec();
    let tag = content::encrypt(&data_key, &iv, header, &mut buffer).ok().unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(&buffer), ciphertext);
    assert_eq!(URL_SAFE_NO_PAD.encode(tag), "XFBoMYUZodetZdvTiFvSkQ");
    assert!(content::decrypt(&data_key, &iv, header, &mut buffer, &tag).is_ok());
    assert_eq!(buffer, plaintext);
}

/// NIST CAVP, gcmEncryptExtIV256.rsp, sections with a 96-bit IV and a 128-bit tag, Count = 0 of each: key, IV,
/// plaintext, additional data, ciphertext, tag.
#[test]
fn nist_cavp_aes_256_gcm_vectors_hold() {
    let vectors = [
        [
            "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
            "516c33929df5a3284ff463d7",
            "",
            "",
            "",
            "bdc1ac884d332457a1d2664f168c76f0",
        ],
        [
            "78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223",
            "d79cf22d504cc793c3fb6c8a",
            "",
            "b96baa8c1c75a671bfb2d08d06be5f36",
            "",
            "3e5d486aa2e30b22e040b85723a06e76",
        ],
        [
            "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
            "0d18e06c7c725ac9e362e1ce",
            "2db5168e932556f8089a0622981d017d",
            "",
            "fa4362189661d163fcd6a56d8bf0405a",
            "d636ac1bbedd5cc3ee727dc2ab4a9489",
        ],
        [
            "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
            "ac93a1a6145299bde902f21a",
            "2d71bcfa914e4ac045b2aa60955fad24",
            "1e0889016f67601c8ebea4943bc23ad6",
            "8995ae2e6df3dbf96fac7b7137bae67f",
            "eca5aa77d51d4a0a14d9c51e1da474ab",
        ],
    ];
    for [key, iv, plaintext, associated_data, ciphertext, tag] in vectors {
        let iv = hex(iv).try_into().unwrap();
        let mut buffer = hex(plaintext);
        let computed = content::encrypt(&hex(key), &iv, &hex(associated_data), &mut buffer).ok().unwrap();
        assert_eq!((buffer, computed.to_vec()), (hex(ciphertext), hex(tag)));
    }
}

/// RFC 3394 section 4.6: 256 bits of key data with a 256-bit key encryption key. Then a whole JWE is opened with that
/// key encryption key as any JOSE library would, by RFC 7516 section 5.2 and without the code under test.
#[test]
fn a_value_under_a256kw_opens_as_any_jose_library_opens_it() {
    let master_key = KwAes256::new(&core::array::from_fn::<u8, 32, _>(|at| at as u8).into());
    let data_key: [u8; 32] =
        hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f").try_into().unwrap();
    let mut encrypted_key = vec![0; 40];
    master_key.wrap_key(&data_key, &mut encrypted_key).unwrap();
    assert_eq!(encrypted_key, hex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),);
    let prepared =
        PreparedSeal::new(Zeroizing::new(data_key), [5; 12], WrappedKey { encrypted_key, ..wrapped() }).unwrap();
    let compact = seal(prepared, &BINDING, PLAINTEXT).unwrap();

    let parts: Vec<&str> = compact.split('.').collect();
    let [header, encrypted_key, iv, ciphertext, tag] = parts[..] else { panic!("not five parts") };
    let members: serde_json::Value = serde_json::from_slice(&decode(header).unwrap()).unwrap();
    assert_eq!((members["alg"].as_str(), members["enc"].as_str()), (Some("A256KW"), Some("A256GCM")));
    let mut unwrapped = [0; 32];
    master_key.unwrap_key(&decode(encrypted_key).unwrap(), &mut unwrapped).unwrap();
    let cipher = {
        use aes_gcm::KeyInit as _;
        aes_gcm::Aes256Gcm::new(&unwrapped.into())
    };
    let nonce: [u8; 12] = decode(iv).unwrap().try_into().unwrap();
    let message = [decode(ciphertext).unwrap(), decode(tag).unwrap()].concat();
    let payload = aes_gcm::aead::Payload { msg: &message, aad: header.as_bytes() };
    let plaintext = aes_gcm::aead::Aead::decrypt(&cipher, &nonce.into(), payload).unwrap();
    assert_eq!(plaintext, PLAINTEXT);
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_and_nothing_else_comes_out(
        data_key in any::<[u8; 32]>(), iv in any::<[u8; 12]>(), plaintext in proptest::collection::vec(any::<u8>(), 0..500),
        tenant in ".{0,20}", key in ".{0,20}", generation in any::<u64>(),
    ) {
        let binding = Binding { tenant: &tenant, key: &key, generation, ..BINDING };
        let prepared = PreparedSeal::new(Zeroizing::new(data_key), iv, wrapped()).unwrap();
        let compact = seal(prepared, &binding, &plaintext).unwrap();
        prop_assert_eq!(&*parse(&compact).unwrap().open(&data_key, &binding).unwrap(), &plaintext);
        let next = Binding { generation: generation ^ 1, ..binding };
        prop_assert!(parse(&compact).unwrap().open(&data_key, &next).is_err());
    }

    #[test]
    fn arbitrary_text_is_parsed_without_panic(text in any::<String>(), dotted in "[A-Za-z0-9_=-]{0,30}(\\.[A-Za-z0-9_=-]{0,30}){0,6}") {
        prop_assert!(parse(&text).is_err());
        prop_assert!(!opens(&dotted));
    }
}
