//! HTTP: a service that answers with what it was shown, and AWS as moto plays it, which checks signatures.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::running::Running;
use crate::support::{free_port, run, scratch, text};
use crate::tools::Python;
use crate::{Stage, assert_absent, eventually, put};

const TOKEN: &str = "Hort3nsia-of-the-service";

/// nginx that answers with the credentials it was shown, in a field and in the body, and logs them.
struct Shower {
    one: u16,
    two: u16,
    directory: tempfile::TempDir,
    _running: Running,
}

impl Shower {
    fn start() -> Self {
        (0..5).find_map(|_| Self::attempt()).unwrap()
    }

    fn attempt() -> Option<Self> {
        let directory = scratch();
        let [one, two] = [(); 2].map(|()| free_port());
        let place = directory.path().display();
        let mut temporary = String::new();
        for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(temporary, "  {name}_temp_path {place}/{name};");
        }
        let answer = "add_header X-Shown \"$http_authorization\" always; \
             location = /denied { return 401 \"no\\n\"; } \
             location / { return 200 \"shown [$http_authorization] [$http_x_api_key]\\n\"; }";
        let settings = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/errors;\nevents {{ worker_connections 64; }}\n\
             http {{\n{temporary}  log_format asked '$request|$http_authorization|$http_x_api_key';\n  access_log {place}/access asked;\n\
             \x20 default_type text/plain;\n  server {{ listen 127.0.0.1:{one}; {answer} }}\n\
             \x20 server {{ listen 127.0.0.1:{two} http2; {answer} }}\n}}\n"
        );
        let path = directory.path().join("nginx.conf");
        fs::write(&path, settings).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(&path);
        command.arg("-e").arg(directory.path().join("errors"));
        let running = Running::attempt(&mut command, one)?;
        Some(Self {
            one,
            two,
            directory,
            _running: running,
        })
    }

    /// What it was shown last, and all of it.
    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("access")).unwrap()
    }

    fn last(&self) -> String {
        self.log().lines().last().unwrap_or_default().to_owned()
    }
}

fn stage(port: u16, inject: &str, secrets: &[(&str, &str)]) -> Stage {
    let upstream = format!("{{ address: \"127.0.0.1:{port}\", tls: disable }}");
    Stage::start("http", &upstream, inject, secrets)
}

/// curl, with the head of the answer.
fn curl(port: u16, options: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "-i", "--max-time", "20"]).args(options);
    text(&run(command.arg(format!("http://127.0.0.1:{port}/x"))).stdout)
}

#[test]
fn what_an_agent_sends_is_replaced_and_does_not_come_back() {
    let shower = Shower::start();
    for (inject, field) in [
        ("{ bearer: { file: secret } }", "Authorization"),
        (
            "{ header: { name: X-Api-Key, value: { file: secret } } }",
            "X-Api-Key",
        ),
    ] {
        for (port, options) in [(shower.one, &[][..]), (shower.two, &["--http2-prior-knowledge"])] {
            let mut stage = stage(port, inject, &[("secret", TOKEN)]);
            for own in [
                &[][..],
                &[
                    "-H",
                    "Authorization: Bearer mine",
                    "-H",
                    "X-Api-Key: mine",
                    "-H",
                    "X_Api_Key: mine",
                ],
                &["-u", "nobody:mine", "--compressed"],
                &["-d", "a body"],
            ] {
                let answer = curl(stage.port, &[options, own].concat());
                let expected = if field == "Authorization" {
                    format!("|Bearer {TOKEN}|")
                } else {
                    format!("|-|{TOKEN}")
                };
                assert!(shower.last().contains(&expected), "{}", shower.last());
                assert!(answer.contains(" 200") && answer.contains("****"), "{answer}");
                assert_absent("the answer", answer.as_bytes(), TOKEN);
                let passed = field != "Authorization" && answer.contains("Bearer mine");
                assert!(!passed, "{answer}");
            }
            let traced = curl(stage.port, &[options, &["-X", "TRACE"]].concat());
            assert!(traced.contains(" 403"), "{traced}");
            stage.assert_kept(&[TOKEN]);
        }
    }
}

#[test]
fn users_and_passwords_are_shown_and_renewed() {
    let shower = Shower::start();
    let mut stage = stage(
        shower.one,
        "[{ identities: [\"address:192.0.2.1\"], bearer: { file: secret } }, { identities: [\"address=127.*\"], basic: { user: svc, password: { file: secret } } }]",
        &[("secret", TOKEN)],
    );
    let shown = |password: &str| format!("|Basic {}|", crate::base64(format!("svc:{password}").as_bytes()));
    let answer = curl(stage.port, &[]);
    assert!(shower.last().contains(&shown(TOKEN)), "{}", shower.last());
    assert_absent("the answer", answer.as_bytes(), &format!("svc:{TOKEN}"));
    put(&stage.path("secret"), "another password");
    eventually("the new one is shown", || {
        curl(stage.port, &[]);
        shower.last().contains(&shown("another password"))
    });
    fs::remove_file(stage.path("secret")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let count = shower.log().lines().count();
    let answer = curl(stage.port, &[]);
    assert!(
        answer.contains(" 403") && answer.contains("the operator finds the reason in the daemon's log"),
        "{answer}"
    );
    assert_eq!(
        shower.log().lines().count(),
        count,
        "nothing is forwarded without them"
    );
    assert!(!stage.events("credentials_failed").is_empty());
    stage.assert_kept(&[TOKEN, "another password"]);
}

#[test]
fn a_refused_token_is_fetched_again() {
    let shower = Shower::start();
    let directory = scratch();
    let [script, token] = ["token.sh", "token"].map(|name| directory.path().join(name));
    fs::write(&script, format!("cat {}\n", token.display())).unwrap();
    fs::write(&token, "first token").unwrap();
    let stage = stage(
        shower.one,
        &format!(
            "{{ bearer: {{ command: [sh, \"{}\"], refresh: 1h }} }}",
            script.display()
        ),
        &[],
    );
    curl(stage.port, &[]);
    fs::write(&token, "second token").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1200));
    curl(stage.port, &[]);
    assert!(shower.last().contains("first token"), "{}", shower.last());
    let denied = format!("http://127.0.0.1:{}/denied", stage.port);
    run(Command::new("curl").args(["-sS", &denied]));
    eventually("the new one is shown", || {
        curl(stage.port, &[]);
        shower.last().contains("second token")
    });
}

#[test]
fn who_has_no_credentials_does_not_reach_the_service() {
    let shower = Shower::start();
    let mut stage = stage(
        shower.one,
        "[{ identities: [\"unit:other.service\"], bearer: { file: secret } }]",
        &[("secret", TOKEN)],
    );
    let answer = curl(stage.port, &["-H", "Authorization: Bearer mine"]);
    assert!(
        answer.contains(" 403") && answer.contains("no credentials for this identity"),
        "{answer}"
    );
    assert_eq!(shower.log(), "");
    assert_eq!(stage.events("credentials_none").len(), 1);
}

/// Prepares AWS so that it checks signatures; prints the keys of a user.
const PREPARED: &str = "
import sys, boto3, requests
direct = f'http://127.0.0.1:{sys.argv[1]}'
requests.post(f'{direct}/moto-api/reset-auth', data=b'1000000', timeout=30).raise_for_status()
anybody = {'aws_access_key_id': 'x', 'aws_secret_access_key': 'x', 'region_name': 'eu-west-3'}
iam = boto3.client('iam', endpoint_url=direct, **anybody)
iam.create_user(UserName='svc')
allow = '{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}'
iam.put_user_policy(UserName='svc', PolicyName='all', PolicyDocument=allow)
key = iam.create_access_key(UserName='svc')['AccessKey']
requests.post(f'{direct}/moto-api/reset-auth', data=b'0', timeout=30).raise_for_status()
print(key['AccessKeyId'], key['SecretAccessKey'])
";

/// An agent with keys that nobody has given it.
const AGENT: &str = "
import sys, boto3, requests
from botocore.config import Config
from botocore.exceptions import ClientError
def client(service, port, **options):
    config = Config(retries={'max_attempts': 1}, s3={'addressing_style': 'path'}, **options)
    return boto3.client(service, endpoint_url=f'http://127.0.0.1:{port}', aws_access_key_id='AKIDOFTHEAGENT',
        aws_secret_access_key='nothing', region_name='eu-west-3', config=config)
s3, dynamo = client('s3', sys.argv[1]), client('dynamodb', sys.argv[2])
direct, wrong = client('s3', sys.argv[3]), client('s3', sys.argv[4])
for one in (direct, wrong):
    try:
        one.list_buckets()
        print('let in')
    except ClientError as error:
        print(error.response['Error']['Code'])
s3.create_bucket(Bucket='clinic', CreateBucketConfiguration={'LocationConstraint': 'eu-west-3'})
for key in ('plain.txt', 'a b/\\u00e4+~(1).txt'):
    s3.put_object(Bucket='clinic', Key=key, Body=b'nothing of note')
    print(s3.get_object(Bucket='clinic', Key=key)['Body'].read().decode())
print(len(s3.list_objects_v2(Bucket='clinic', Prefix='a b/', Delimiter='&')['Contents']))
address = s3.generate_presigned_url('get_object', Params={'Bucket': 'clinic', 'Key': 'plain.txt'})
print(requests.get(address, timeout=30).text)
dynamo.create_table(TableName='t', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
    AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}], BillingMode='PAY_PER_REQUEST')
dynamo.put_item(TableName='t', Item={'id': {'S': 'x'}, 'v': {'S': 'stored'}})
print(dynamo.get_item(TableName='t', Key={'id': {'S': 'x'}})['Item']['v']['S'])
chunked = requests.put(f'http://127.0.0.1:{sys.argv[1]}/clinic/chunked', data=b'x', timeout=30, headers={
    'Authorization': 'AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-3/s3/aws4_request, SignedHeaders=host, Signature=0',
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'})
print(chunked.status_code, 'signed with the client' in chunked.text)
";

#[test]
fn requests_to_aws_are_signed_anew() {
    let Some(python) = Python::of("http_requirements.txt") else {
        return;
    };
    let port = free_port();
    let mut moto = python.bare();
    moto.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    let moto = Running::start(&mut moto, port);
    let prepared = run(python.bare().args(["-c", PREPARED, &moto.port.to_string()]));
    let prepared = text(&prepared.stdout);
    let (id, key) = prepared.trim().split_once(' ').unwrap();
    let process = format!(r#"{{"Version": 1, "AccessKeyId": "{id}", "SecretAccessKey": "{key}"}}"#);
    let upstream = format!("{{ address: \"127.0.0.1:{port}\", tls: disable }}");
    let start =
        |inject: String, secret: &str| Stage::start("http", &upstream, &inject, &[("secret", secret)]);
    let mut of_s3 = start(
        format!("{{ sigv4: {{ access_key_id: {id}, secret_access_key: {{ file: secret }} }} }}"),
        key,
    );
    let of_dynamo = start(
        "{ sigv4: { credentials: { file: secret }, region: eu-west-3, service: dynamodb } }".to_owned(),
        &process,
    );
    let wrong = start(
        format!("{{ sigv4: {{ access_key_id: {id}, secret_access_key: {{ file: secret }} }} }}"),
        "another key than the user's",
    );
    let ports = [of_s3.port, of_dynamo.port, port, wrong.port].map(|port| port.to_string());
    let output = run(python.bare().args(["-c", AGENT]).args(&ports));
    assert_eq!(
        text(&output.stdout).lines().collect::<Vec<_>>(),
        [
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "nothing of note",
            "nothing of note",
            "1",
            "nothing of note",
            "stored",
            "403 True"
        ],
        "{}",
        text(&output.stderr)
    );
    of_s3.assert_kept(&[key]);
}
