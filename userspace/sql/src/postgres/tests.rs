#[test]
fn scratch() {
    let a = crate::Analyzer::new(1 << 20);
    let s = Default::default();
    println!("{:#}", pg_query::parse_plpgsql(r#"CREATE FUNCTION f(a int, b patients) RETURNS setof text LANGUAGE plpgsql AS $$ DECLARE x int := 1; c refcursor; c2 CURSOR (k int) FOR SELECT * FROM t WHERE k=1; r record; BEGIN x := x + (select 1); a[1] := 2; r.b = 3; SELECT ssn INTO STRICT r FROM patients; EXECUTE 'x' || x INTO r USING x; FOR r IN EXECUTE 'select' LOOP NULL; END LOOP; FOR i IN 1..3 LOOP CONTINUE; END LOOP; RETURN QUERY EXECUTE 'a' ; RETURN NEXT x; OPEN c FOR EXECUTE 'z'; RAISE NOTICE '%', (SELECT 1) USING HINT = 'a'; INSERT INTO t VALUES (1) RETURNING a INTO x; COMMIT; CALL p(x); PERFORM f(1); IF x > 1 THEN DROP TABLE t; ELSIF x=2 THEN NULL; END IF; EXCEPTION WHEN others THEN NULL; END $$"#).unwrap());
    println!("{:?}", pg_query::parse_plpgsql("CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := TG_OP; RETURN NEW; END $$"));
    println!("{:?}", pg_query::parse_plpgsql("DO $$ DECLARE r record := pg_read_file('x'); BEGIN END $$"));
    println!("size {}", size_of::<pg_query::protobuf::Node>());
    println!("{:#?}", a.postgres(b"select a, lower(b) from t where id = 5", &s));
}
