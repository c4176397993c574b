from adl_jax import doctor


def test_this_machine_is_healthy():
    found = doctor.examine()
    assert found["healthy"]
    assert found["known_bad"] == []
    assert found["guard_wrong_sizes"] == []
    assert set(found["versions"]) >= {"adl-jax", "jax", "jaxlib"}
    assert found["devices"]


def test_float32_error_is_that_of_sixteen_rounds():
    # Sixteen rounds of a few operations each: a few dozen units in the last place.
    assert 0 < doctor.float32_error() < 64 * 2**-23


def test_a_wrong_computation_is_reported(monkeypatch):
    honest = doctor._row_sums

    def wrong(matrix, rows):
        sums, squares = honest(matrix, rows)
        return (sums, squares.at[-1].add(1)) if len(rows) == 17 else (sums, squares)

    monkeypatch.setattr(doctor, "_row_sums", wrong)
    assert doctor.wrong_sizes(widths=[2], powers=[3, 4]) == [(17, 2), (17, 2)]
    assert not doctor.examine()["healthy"]


def test_known_bad_releases_have_reasons():
    (reason,) = doctor.known_bad("0.10.2")
    assert "39103" in reason
    assert doctor.known_bad("0.9.0.1") == []
