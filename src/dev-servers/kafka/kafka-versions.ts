export const KAFKA_VERSION = '4.1.1';
export const KAFKA_IMAGE = `apache/kafka:${KAFKA_VERSION}`;
