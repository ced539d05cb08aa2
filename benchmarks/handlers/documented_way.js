// The calls that the documentation of aws-lambda-fanout describes, by the SDK that it comes with, answered in this
// process: the time of the processor for each record. Standard input has the events and the kind of target.
'use strict';
const fs = require('fs');
const { Readable } = require('stream');
const AWS = require('aws-sdk');

const { kind, events } = JSON.parse(fs.readFileSync(0, 'utf8'));
AWS.config.update({ region: 'eu-west-1', accessKeyId: 'AKIATEST', secretAccessKey: 'secret' });

const ANSWERS = {
  kinesis: '{"FailedRecordCount":0,"Records":[]}',
  sqs: '<SendMessageResponse><SendMessageResult><MessageId>1</MessageId></SendMessageResult></SendMessageResponse>',
};
AWS.NodeHttpClient.prototype.handleRequest = function (request, options, callback) {
  const answer = Readable.from([Buffer.from(ANSWERS[kind])], { objectMode: false });
  process.nextTick(() => {
    callback(answer);
    answer.emit('headers', 200, {});
  });
  return answer;
};

// One call for a block of records to a stream, one for each record to a queue.
const TARGETS = {
  kinesis: () => {
    const client = new AWS.Kinesis();
    return (records, done) => {
      const entries = records.map((one) => ({ Data: one.data, PartitionKey: one.key }));
      client.putRecords({ StreamName: 'stream', Records: entries }, done);
    };
  },
  sqs: () => {
    const client = new AWS.SQS({ computeChecksums: false });
    const url = 'https://sqs.eu-west-1.amazonaws.com/111111111111/queue';
    return (records, done) => {
      const next = (place) => {
        if (place === records.length) return done();
        const body = records[place].data.toString('utf8');
        client.sendMessage({ QueueUrl: url, MessageBody: body }, (error) => (error ? done(error) : next(place + 1)));
      };
      next(0);
    };
  },
};

const send = TARGETS[kind]();
let began;
let count = 0;
const handle = (place) => {
  if (place === events.length) {
    const used = process.cpuUsage(began);
    console.log((used.user + used.system) / count);
    return;
  }
  // The first one warms up, as the first batch of the other side does.
  if (place === 1) began = process.cpuUsage();
  const records = events[place].map((one) => ({
    data: Buffer.from(one.kinesis.data, 'base64'),
    key: one.kinesis.partitionKey,
  }));
  if (place > 0) count += records.length;
  send(records, (error) => {
    if (error) throw error;
    handle(place + 1);
  });
};
handle(0);
